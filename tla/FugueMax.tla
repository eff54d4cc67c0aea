------------------------------ MODULE FugueMax ------------------------------
(***************************************************************************)
(* The order of a text when several replicas insert at the same place.     *)
(*                                                                         *)
(* An insert is known to everybody by three things: its id, its left       *)
(* origin and its right origin.  The left origin is the visible element    *)
(* before the insertion point, the right origin the element after the left *)
(* origin in the whole sequence, tombstones included.  Each replica keeps a *)
(* list and places what arrives by a scan between the two origins.         *)
(*                                                                         *)
(* Claimed: the order of arrival does not matter (Converges), the list is  *)
(* the in-order walk of the FugueMax tree (MatchesTree), nothing ever      *)
(* changes places (OrderIsStable), an author finds its element where it    *)
(* put it (LandsBetweenOrigins), and runs typed forwards or backwards stay *)
(* whole (NoForwardInterleaving, NoBackwardInterleaving).                  *)
(*                                                                         *)
(* Order after Weidner & Kleppmann, "The Art of the Fugue", 2023.          *)
(* fugue-max.ts has the same actions and claims under the same names.      *)
(***************************************************************************)
EXTENDS Naturals, Sequences, FiniteSets

CONSTANTS
  ReplicaCount,   \* replicas are 1..ReplicaCount; a lower number is a lower id
  MaxInserts,
  MaxDeletes

Replicas == 1..ReplicaCount

\* An element is <<replica, number>>.  The two ends of the text are no elements.
Start == <<0, 0>>
End   == <<0, 1>>
Keys  == Replicas \X (1..MaxInserts)

VARIABLES
  inserts,   \* every insert ever made: key -> [left, right]
  deletes,   \* every key somebody deleted
  lists,     \* per replica its sequence, tombstones included
  dead       \* per replica its tombstones

vars == <<inserts, deletes, lists, dead>>

-----------------------------------------------------------------------------
(* Positions and the scan.                                                 *)

Elements(list) == {list[i] : i \in 1..Len(list)}

Position(list, key) ==
  CASE key = Start -> 0
    [] key = End   -> Len(list) + 1
    [] OTHER       -> CHOOSE i \in 1..Len(list) : list[i] = key

\* What meeting a sibling (an element of the same left origin) means for the new element: the sibling is
\* before it ("pass"), or after it ("stop"), or after it unless a later one is before it ("undecided").
Sibling(list, new, newRight, other) ==
  LET mine   == Position(list, newRight)
      theirs == Position(list, inserts[other].right)
  IN  CASE theirs = mine -> IF new[1] < other[1] THEN "stop" ELSE "pass"
        [] theirs > mine -> "pass"
        [] OTHER         -> "undecided"

\* `at` walks from the left origin to the right origin; `place` is where the element goes if the walk ends now.
RECURSIVE Scan(_, _, _, _, _, _)
Scan(list, new, origins, at, place, isUndecided) ==
  IF at >= Position(list, origins.right) THEN place
  ELSE LET other     == list[at]
           left      == Position(list, origins.left)
           otherLeft == Position(list, inserts[other].left)
           verdict   == IF otherLeft # left THEN "below"
                        ELSE Sibling(list, new, origins.right, other)
           waits     == IF verdict = "below" THEN isUndecided ELSE verdict = "undecided"
       IN  IF otherLeft < left \/ verdict = "stop" THEN place
           ELSE Scan(list, new, origins, at + 1, IF waits THEN place ELSE at + 1, waits)

Placed(list, new, origins) ==
  LET from  == Position(list, origins.left) + 1
      place == Scan(list, new, origins, from, from, FALSE)
  IN  SubSeq(list, 1, place - 1) \o <<new>> \o SubSeq(list, place, Len(list))

-----------------------------------------------------------------------------
(* Actions.                                                                *)

Init ==
  /\ inserts = [key \in {} |-> [left |-> Start, right |-> End]]
  /\ deletes = {}
  /\ lists = [r \in Replicas |-> << >>]
  /\ dead = [r \in Replicas |-> {}]

Visible(r) == Elements(lists[r]) \ dead[r]

Insert(r) ==
  /\ Cardinality(DOMAIN inserts) < MaxInserts
  /\ \E left \in Visible(r) \cup {Start} :
       LET list    == lists[r]
           next    == Position(list, left) + 1
           right   == IF next > Len(list) THEN End ELSE list[next]
           new     == <<r, Cardinality({key \in DOMAIN inserts : key[1] = r}) + 1>>
           origins == [left |-> left, right |-> right]
       IN  /\ inserts' = [key \in DOMAIN inserts \cup {new} |-> IF key = new THEN origins ELSE inserts[key]]
           /\ lists' = [lists EXCEPT ![r] = Placed(list, new, origins)]
  /\ UNCHANGED <<deletes, dead>>

Delete(r) ==
  /\ Cardinality(deletes) < MaxDeletes
  /\ \E key \in Visible(r) :
       /\ deletes' = deletes \cup {key}
       /\ dead' = [dead EXCEPT ![r] = @ \cup {key}]
  /\ UNCHANGED <<inserts, lists>>

\* Any element whose origins are here may arrive, in any order.
Deliver(r) ==
  /\ \E new \in DOMAIN inserts \ Elements(lists[r]) :
       /\ {inserts[new].left, inserts[new].right} \subseteq Elements(lists[r]) \cup {Start, End}
       /\ lists' = [lists EXCEPT ![r] = Placed(lists[r], new, inserts[new])]
  /\ UNCHANGED <<inserts, deletes, dead>>

DeliverDelete(r) ==
  /\ \E key \in (deletes \cap Elements(lists[r])) \ dead[r] :
       dead' = [dead EXCEPT ![r] = @ \cup {key}]
  /\ UNCHANGED <<inserts, deletes, lists>>

Next ==
  \E r \in Replicas :
    \/ Insert(r)
    \/ Delete(r)
    \/ Deliver(r)
    \/ DeliverDelete(r)

Spec == Init /\ [][Next]_vars

-----------------------------------------------------------------------------
(* The tree.  An element is a left child of its right origin if that       *)
(* descends from its left origin, else a right child of its left origin.   *)
(* Its author made it so: R, the element after L, descends from L exactly   *)
(* when L has right children.  Ancestry never changes, so all agree.       *)

RECURSIVE Descends(_, _), IsLeftChild(_)
Parent(key) == IF IsLeftChild(key) THEN inserts[key].right ELSE inserts[key].left
Descends(key, from) == key = from \/ (key # Start /\ Descends(Parent(key), from))
IsLeftChild(key) == inserts[key].right # End /\ Descends(inserts[key].right, inserts[key].left)

Children(list, parent, isLeft) == {key \in Elements(list) : IsLeftChild(key) = isLeft /\ Parent(key) = parent}

\* Left siblings: ascending replica.  Right siblings: right origins from the end of the text backwards, then
\* ascending replica.  Positions are read off the list that is being judged; only the true order reproduces itself.
Earlier(list, a, b) ==
  LET ra == Position(list, inserts[a].right)
      rb == Position(list, inserts[b].right)
  IN  IF IsLeftChild(a) \/ ra = rb THEN a[1] < b[1] ELSE ra > rb

Ordered(list, set) ==
  CHOOSE s \in [1..Cardinality(set) -> set] :
    /\ {s[i] : i \in DOMAIN s} = set
    /\ \A i, j \in DOMAIN s : i < j => Earlier(list, s[i], s[j])

RECURSIVE Walk(_, _), WalkAll(_, _)
Walk(list, node) ==
  WalkAll(list, Ordered(list, Children(list, node, TRUE)))
    \o (IF node = Start THEN << >> ELSE <<node>>)
    \o WalkAll(list, Ordered(list, Children(list, node, FALSE)))
WalkAll(list, nodes) ==
  IF nodes = << >> THEN << >> ELSE Walk(list, Head(nodes)) \o WalkAll(list, Tail(nodes))

-----------------------------------------------------------------------------
(* Claims about every state.                                               *)

Converges == \A r, s \in Replicas : Elements(lists[r]) = Elements(lists[s]) => lists[r] = lists[s]

IsTotal == \A r \in Replicas : Cardinality(Elements(lists[r])) = Len(lists[r])

MatchesTree == \A r \in Replicas : Walk(lists[r], Start) = lists[r]

RECURSIVE Follows(_, _)
Follows(key, from) == key = from \/ (key # Start /\ Follows(inserts[key].left, from))

\* Between an element and its left origin stand only elements that follow that origin by left origins.
NoForwardInterleaving ==
  \A r \in Replicas : \A at \in 1..Len(lists[r]) :
    LET left == inserts[lists[r][at]].left
    IN  \A i \in (Position(lists[r], left) + 1)..(at - 1) : Follows(lists[r][i], left)

\* Between an element and its right origin stands no other of the same left origin that aimed beyond it.
NoBackwardInterleaving ==
  \A r \in Replicas : \A at \in 1..Len(lists[r]) :
    LET list  == lists[r]
        own   == inserts[list[at]]
        right == Position(list, own.right)
    IN  \A i \in (at + 1)..(right - 1) :
          inserts[list[i]].left = own.left => Position(list, inserts[list[i]].right) <= right

(* Claims about every step.                                                *)

OrderIsStable ==
  [][\A r \in Replicas : SelectSeq(lists'[r], LAMBDA key : key \in Elements(lists[r])) = lists[r]]_vars

LandsBetweenOrigins ==
  [][\A new \in DOMAIN inserts' \ DOMAIN inserts :
       LET list == lists'[new[1]]
           at   == Position(list, new)
       IN  /\ (IF at = 1 THEN Start ELSE list[at - 1]) = inserts'[new].left
           /\ (IF at = Len(list) THEN End ELSE list[at + 1]) = inserts'[new].right]_vars

=============================================================================
