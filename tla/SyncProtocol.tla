---------------------------- MODULE SyncProtocol ----------------------------
(***************************************************************************)
(* How a write travels: from a device's memory to its disk, to a node of   *)
(* the server, into the log, and from the log to every device.             *)
(*                                                                         *)
(* One document.  Clients write ops numbered 1, 2, ... (seq).  Nodes share  *)
(* a database that holds the log; a node's own memory is lost when it      *)
(* dies.  An op is acked and shown to others only after the commit.  A     *)
(* client's cursor is the LSN up to which it has taken the log in.         *)
(*                                                                         *)
(* Links keep order, and a lost packet is a lost link.  Repeated and       *)
(* swapped packets are worse than any link does; they are faults here all  *)
(* the same.  Faults of every kind are drawn from one bounded budget.      *)
(*                                                                         *)
(* sync-protocol.ts and sync-claims.ts have the same under the same names. *)
(***************************************************************************)
EXTENDS Naturals, Sequences, FiniteSets

CONSTANTS
  Clients,
  Readers,      \* the clients that write nothing
  Nodes,
  FirstNode,    \* where everybody is connected at the start
  NoNode,
  MaxWrites,    \* per writing client
  MaxFaults

VARIABLES
  clients,      \* per client a record, see Init
  nodes,        \* per node a record, see Started
  log,          \* the database: a sequence of [lsn, op]
  network,      \* per route <<from, to>> the packets under way, in order
  faultsLeft

vars == <<clients, nodes, log, network, faultsLeft>>

Routes == (Clients \X Nodes) \cup (Nodes \X Clients)

\* `write` is a ghost: it tells apart two ops that were given the same seq, which must not happen to pushed ones.
Op(c, seq, write) == [by |-> c, seq |-> seq, write |-> write]

Range(s) == {s[i] : i \in DOMAIN s}
Max(a, b) == IF a > b THEN a ELSE b
MaxOf(set) == CHOOSE n \in set : \A m \in set : m <= n
From(s, i) == SubSeq(s, i, Len(s))

Logged == {log[i].op : i \in DOMAIN log}
CommittedSeq(c) == MaxOf({0} \cup {op.seq : op \in {o \in Logged : o.by = c}})
OpsAfter(lsn) == [i \in 1..(Len(log) - lsn) |-> log[lsn + i].op]

-----------------------------------------------------------------------------
(* The network.                                                            *)

Arrives(route, type) == network[route] # << >> /\ Head(network[route]).type = type

\* What a node says to a client that has left it goes nowhere.
Said(n, c, packets) == IF clients[c].link = n THEN packets ELSE << >>

\* What was on its way to the client dies with the link. What it had pushed may still arrive, late.
AfterCut(packets, route, cut) ==
  CASE route[2] \in cut -> << >>
    [] route[1] \in cut -> SelectSeq(packets, LAMBDA p : p.type = "push")
    [] OTHER            -> packets

Without(packets, i) == SubSeq(packets, 1, i - 1) \o From(packets, i + 1)

SpendFault == faultsLeft > 0 /\ faultsLeft' = faultsLeft - 1

-----------------------------------------------------------------------------
(* The start: everybody is connected and nothing was written.              *)

\* A node that knows what the log holds, and nothing else.
Started == [pending |-> << >>, inflight |-> << >>, accepted |-> [c \in Clients |-> CommittedSeq(c)],
            published |-> Len(log), subscribers |-> {}]

Init ==
  /\ log = << >>
  /\ clients = [c \in Clients |->
       [own |-> << >>, taken |-> << >>, cursor |-> 0, acked |-> 0,
        link |-> FirstNode, isLive |-> TRUE, sent |-> 0,
        disk |-> [own |-> << >>, taken |-> << >>, cursor |-> 0],
        writes |-> 0, promised |-> {}]]     \* ghosts: writes ever made; ops whose `durable` was resolved
  /\ nodes = [n \in Nodes |-> IF n = FirstNode THEN [Started EXCEPT !.subscribers = Clients] ELSE Started]
  /\ network = [route \in Routes |-> << >>]
  /\ faultsLeft = MaxFaults

-----------------------------------------------------------------------------
(* The client.                                                             *)

Write(c) ==
  /\ c \notin Readers /\ clients[c].writes < MaxWrites
  /\ LET op == Op(c, Len(clients[c].own) + 1, clients[c].writes + 1)
     IN  clients' = [clients EXCEPT ![c].own = Append(@, op), ![c].writes = @ + 1]
  /\ UNCHANGED <<nodes, log, network, faultsLeft>>

\* One local transaction: own ops, entries taken from the log, and the cursor.  Then `durable` resolves.
Store(c) ==
  /\ LET me == clients[c]
     IN  /\ Len(me.disk.own) # Len(me.own) \/ me.disk.cursor # me.cursor
         /\ clients' = [clients EXCEPT ![c].disk = [own |-> me.own, taken |-> me.taken, cursor |-> me.cursor],
                                       ![c].promised = @ \cup Range(me.own)]
  /\ UNCHANGED <<nodes, log, network, faultsLeft>>

\* Only what is on disk: a seq that was sent and then lost in a crash would be given to another op.
Push(c) ==
  /\ LET me  == clients[c]
         ops == From(me.disk.own, Max(me.acked, me.sent) + 1)
     IN  /\ me.isLive /\ ops # << >>
         /\ clients' = [clients EXCEPT ![c].sent = Len(me.disk.own)]
         /\ network' = [network EXCEPT ![<<c, me.link>>] = Append(@, [type |-> "push", ops |-> ops])]
  /\ UNCHANGED <<nodes, log, faultsLeft>>

SubscribePacket(c) == [type |-> "subscribe", lsn |-> clients[c].cursor]

\* A new link, to any node: everything after the cursor, please.
Resume(c) ==
  /\ clients[c].link = NoNode
  /\ \E n \in Nodes :
       /\ clients' = [clients EXCEPT ![c].link = n, ![c].isLive = FALSE]
       /\ network' = [network EXCEPT ![<<c, n>>] = Append(@, SubscribePacket(c))]
  /\ UNCHANGED <<nodes, log, faultsLeft>>

\* The answer says what the log holds of this client: what it does not hold is pushed again.
TakeSubscribed(c) ==
  /\ \E n \in Nodes :
       /\ Arrives(<<n, c>>, "subscribed")
       /\ LET acked == Max(clients[c].acked, Head(network[<<n, c>>]).seq)
          IN  clients' = [clients EXCEPT ![c].acked = acked, ![c].sent = acked, ![c].isLive = TRUE]
       /\ network' = [network EXCEPT ![<<n, c>>] = Tail(@)]
  /\ UNCHANGED <<nodes, log, faultsLeft>>

\* Asks again on the same link, unless an answer is already awaited.
AskAgain(c, n) ==
  /\ clients' = [clients EXCEPT ![c].isLive = FALSE]
  /\ network' = [network EXCEPT ![<<n, c>>] = Tail(@),
                                ![<<c, n>>] = IF clients[c].isLive THEN Append(@, SubscribePacket(c)) ELSE @]

\* Entries past a gap are left alone: subscribing from the cursor brings them again, with what is missing.
\* An own op in the log is as good as an ack.
Take(c) ==
  /\ \E n \in Nodes :
       /\ Arrives(<<n, c>>, "changes")
       /\ LET me     == clients[c]
              packet == Head(network[<<n, c>>])
              fresh  == From(packet.ops, me.cursor + 2 - packet.first)
              mine   == {op.seq : op \in {o \in Range(fresh) : o.by = c}}
          IN  IF packet.first > me.cursor + 1
              THEN AskAgain(c, n)
              ELSE /\ clients' = [clients EXCEPT ![c].taken = @ \o fresh,
                                                 ![c].cursor = Max(@, packet.first - 1 + Len(packet.ops)),
                                                 ![c].acked = MaxOf({@} \cup mine)]
                   /\ network' = [network EXCEPT ![<<n, c>>] = Tail(@)]
  /\ UNCHANGED <<nodes, log, faultsLeft>>

TakeAck(c) ==
  /\ \E n \in Nodes :
       /\ Arrives(<<n, c>>, "ack")
       /\ clients' = [clients EXCEPT ![c].acked = Max(@, Head(network[<<n, c>>]).seq)]
       /\ network' = [network EXCEPT ![<<n, c>>] = Tail(@)]
  /\ UNCHANGED <<nodes, log, faultsLeft>>

TakeResync(c) ==
  /\ \E n \in Nodes : Arrives(<<n, c>>, "resync") /\ AskAgain(c, n)
  /\ UNCHANGED <<nodes, log, faultsLeft>>

\* What was not stored is gone, and so is what the server was known to have.
CrashClient(c) ==
  /\ SpendFault
  /\ LET disk == clients[c].disk
     IN  clients' = [clients EXCEPT ![c].own = disk.own, ![c].taken = disk.taken, ![c].cursor = disk.cursor,
                                    ![c].acked = 0, ![c].sent = 0, ![c].link = NoNode, ![c].isLive = FALSE]
  /\ network' = [route \in Routes |-> AfterCut(network[route], route, {c})]
  /\ UNCHANGED <<nodes, log>>

-----------------------------------------------------------------------------
(* The server.                                                             *)

ChangesAfter(lsn) ==
  IF lsn < Len(log) THEN <<[type |-> "changes", first |-> lsn + 1, ops |-> OpsAfter(lsn)]>> ELSE << >>
AckAbove(c, seq) ==
  IF CommittedSeq(c) > seq THEN <<[type |-> "ack", seq |-> CommittedSeq(c)]>> ELSE << >>

\* What a node answers from the log it must also know itself: else it tells a client to push from seq 2 on,
\* finds that a gap, has the client ask again, and so on until it happens to read the log.
Informed(accepted) == [c \in Clients |-> Max(accepted[c], CommittedSeq(c))]

Subscribe(n) ==
  /\ \E c \in Clients :
       /\ Arrives(<<c, n>>, "subscribe")
       /\ LET lsn    == Head(network[<<c, n>>]).lsn
              answer == [type |-> "subscribed", lsn |-> lsn, head |-> Len(log), seq |-> CommittedSeq(c)]
          IN  network' = [network EXCEPT ![<<c, n>>] = Tail(@),
                                         ![<<n, c>>] = @ \o Said(n, c, <<answer>> \o ChangesAfter(lsn))]
       /\ nodes' = [nodes EXCEPT ![n].subscribers = @ \cup {c}, ![n].accepted = Informed(@)]
  /\ UNCHANGED <<clients, log, faultsLeft>>

\* A push that starts past what the node has of this client: ops before it are missing, and must come again.
\* A push that holds ops committed before is a retry whose ack was lost: it is acked again.
Receive(n) ==
  /\ \E c \in Clients :
       /\ Arrives(<<c, n>>, "push")
       /\ LET ops      == Head(network[<<c, n>>]).ops
              accepted == nodes[n].accepted[c]
              fresh    == SelectSeq(ops, LAMBDA op : op.seq > accepted)
              isGap    == ops[1].seq > accepted + 1
              answer   == IF isGap THEN <<[type |-> "resync"]>> ELSE AckAbove(c, ops[1].seq - 1)
          IN  /\ nodes' = IF isGap THEN nodes
                          ELSE [nodes EXCEPT ![n].pending = @ \o fresh, ![n].accepted[c] = Max(@, ops[Len(ops)].seq)]
              /\ network' = [network EXCEPT ![<<c, n>>] = Tail(@), ![<<n, c>>] = @ \o Said(n, c, answer)]
  /\ UNCHANGED <<clients, log, faultsLeft>>

\* Whatever arrives while a commit is under way is the next group.
StartCommit(n) ==
  /\ nodes[n].pending # << >> /\ nodes[n].inflight = << >>
  /\ nodes' = [nodes EXCEPT ![n].inflight = nodes[n].pending, ![n].pending = << >>]
  /\ UNCHANGED <<clients, log, network, faultsLeft>>

\* Every op is the next of its replica in the database, the group counted in.
Fits(ops) ==
  \A i \in DOMAIN ops :
    ops[i].seq = CommittedSeq(ops[i].by) + 1 + Cardinality({j \in 1..(i - 1) : ops[j].by = ops[i].by})

\* After a failed commit the node trusts nothing it did not read from the log, and has its clients push again.
Reload(n) ==
  /\ nodes' = [nodes EXCEPT ![n].pending = << >>, ![n].inflight = << >>, ![n].accepted = Started.accepted]
  /\ network' = [route \in Routes |->
       IF route[1] = n /\ route[2] \in nodes[n].subscribers
       THEN network[route] \o Said(n, route[2], <<[type |-> "resync"]>>) ELSE network[route]]

\* One transaction: the whole group, with LSNs from the database's own head, or nothing.
Commit(n) ==
  /\ nodes[n].inflight # << >>
  /\ LET ops == nodes[n].inflight
     IN  IF Fits(ops)
         THEN /\ log' = log \o [i \in DOMAIN ops |-> [lsn |-> Len(log) + i, op |-> ops[i]]]
              /\ nodes' = [nodes EXCEPT ![n].inflight = << >>]
              /\ UNCHANGED network
         ELSE Reload(n) /\ UNCHANGED log
  /\ UNCHANGED <<clients, faultsLeft>>

FailCommit(n) ==
  /\ nodes[n].inflight # << >> /\ SpendFault
  /\ Reload(n)
  /\ UNCHANGED <<clients, log>>

\* After an own commit, on a hint from another node, or on the periodic check of the head: all read the log.
Publish(n) ==
  /\ nodes[n].published < Len(log)
  /\ LET from      == nodes[n].published
         isNews(c) == \E i \in (from + 1)..Len(log) : log[i].op.by = c
         ack(c)    == IF isNews(c) THEN AckAbove(c, 0) ELSE << >>
     IN  network' = [route \in Routes |->
           IF route[1] = n /\ route[2] \in nodes[n].subscribers
           THEN network[route] \o Said(n, route[2], ChangesAfter(from) \o ack(route[2])) ELSE network[route]]
  /\ nodes' = [nodes EXCEPT ![n].published = Len(log), ![n].accepted = Informed(@)]
  /\ UNCHANGED <<clients, log, faultsLeft>>

\* A node's memory, its links, and what was on them.
CrashServer(n) ==
  /\ SpendFault
  /\ LET linked == {c \in Clients : clients[c].link = n}
     IN  /\ clients' = [c \in Clients |-> IF c \in linked THEN [clients[c] EXCEPT !.link = NoNode, !.isLive = FALSE] ELSE clients[c]]
         /\ network' = [route \in Routes |-> IF route[2] = n THEN << >> ELSE AfterCut(network[route], route, linked)]
  /\ nodes' = [nodes EXCEPT ![n] = Started]
  /\ UNCHANGED log

-----------------------------------------------------------------------------
(* The network's faults.                                                   *)

Drop(route) ==
  /\ SpendFault
  /\ LET c == IF route[1] \in Clients THEN route[1] ELSE route[2]
     IN  /\ \E i \in DOMAIN network[route] :
              network' = [r \in Routes |-> AfterCut(IF r = route THEN Without(network[r], i) ELSE network[r], r, {c})]
         /\ clients' = [clients EXCEPT ![c].link = NoNode, ![c].isLive = FALSE]
  /\ UNCHANGED <<nodes, log>>

\* The copy, and the late one, go to the end of the route.
Duplicate(route) ==
  /\ SpendFault
  /\ \E i \in DOMAIN network[route] : network' = [network EXCEPT ![route] = Append(@, @[i])]
  /\ UNCHANGED <<clients, nodes, log>>

Reorder(route) ==
  /\ SpendFault
  /\ \E i \in DOMAIN network[route] : network' = [network EXCEPT ![route] = Append(Without(@, i), @[i])]
  /\ UNCHANGED <<clients, nodes, log>>

-----------------------------------------------------------------------------

Next ==
  \/ \E c \in Clients :
       \/ Write(c)
       \/ Store(c)
       \/ Push(c)
       \/ Resume(c)
       \/ TakeSubscribed(c)
       \/ Take(c)
       \/ TakeAck(c)
       \/ TakeResync(c)
       \/ CrashClient(c)
  \/ \E n \in Nodes :
       \/ Subscribe(n)
       \/ Receive(n)
       \/ StartCommit(n)
       \/ Commit(n)
       \/ FailCommit(n)
       \/ Publish(n)
       \/ CrashServer(n)
  \/ \E route \in Routes :
       \/ Drop(route)
       \/ Duplicate(route)
       \/ Reorder(route)

\* What goes on when faults and users stop.
Healing ==
  /\ \A c \in Clients :
       /\ WF_vars(Store(c)) /\ WF_vars(Push(c)) /\ WF_vars(Resume(c))
       /\ WF_vars(TakeSubscribed(c)) /\ WF_vars(Take(c)) /\ WF_vars(TakeAck(c)) /\ WF_vars(TakeResync(c))
  /\ \A n \in Nodes :
       /\ WF_vars(Subscribe(n)) /\ WF_vars(Receive(n))
       /\ WF_vars(StartCommit(n)) /\ WF_vars(Commit(n)) /\ WF_vars(Publish(n))

Spec == Init /\ [][Next]_vars /\ Healing

-----------------------------------------------------------------------------
(* Claims about every state.                                               *)

AckedIsCommitted ==
  \A c \in Clients : /\ clients[c].acked <= Len(clients[c].own)
                     /\ \A i \in 1..clients[c].acked : clients[c].own[i] \in Logged

LogHoldsNothingTwice ==
  \A i, j \in DOMAIN log : i # j => <<log[i].op.by, log[i].op.seq>> # <<log[j].op.by, log[j].op.seq>>

\* LSNs count 1, 2, 3 ..., and so do the seqs of each client.
LogIsDense ==
  \A i \in DOMAIN log : /\ log[i].lsn = i
                        /\ log[i].op.seq = Cardinality({j \in 1..i : log[j].op.by = log[i].op.by})

SeesOnlyCommitted == \A c \in Clients : Range(clients[c].taken) \subseteq Logged

CursorPassesNoGap ==
  \A c \in Clients : \A me \in {clients[c].disk, [own |-> clients[c].own, taken |-> clients[c].taken, cursor |-> clients[c].cursor]} :
    \A i \in DOMAIN log : i <= me.cursor => log[i].op \in Range(me.taken)

DurableIsNeverLost == \A c \in Clients : clients[c].promised \subseteq Range(clients[c].disk.own)

(* Claims about every step.                                                *)

LogOnlyGrows == [][SubSeq(log', 1, Len(log)) = log]_vars

(* Every device comes to hold the whole log, in memory and on disk, and to *)
(* know that all its own ops are in it.                                    *)

Converged ==
  \A c \in Clients :
    LET me == clients[c]
    IN  /\ me.disk.own = me.own /\ me.acked = Len(me.own) /\ Range(me.own) \subseteq Logged
        /\ me.cursor = Len(log) /\ me.disk.cursor = Len(log)

Heals == <>[]Converged

=============================================================================
