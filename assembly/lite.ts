// The ABI of headwater/lite: index.ts without texts. Same format, same digests; an update or snapshot with a text in it is
// refused as NotSupported and changes nothing. Nor does it have what only storage, sync and the server ask for.

// @ts-ignore: decorator
@global const IS_LITE: bool = true;

export {
  inbox_reserve, mail_at, hash_seed, memory_used, memory_limit, document_create, document_free, document_lose,
  document_memory, document_observe,
  document_author, document_receive, document_news, receive_needed, document_take, document_tell, document_export,
  document_snapshot, document_trim, document_log_bytes, document_version, document_digest, document_seq,
  document_own_seq, document_waiting, document_events, key_open, key_read, container_open, container_count,
  container_parent, container_key, container_kind, container_exists, container_changes, map_set, map_delete, map_get,
  map_changes, map_keys, counter_add, counter_value, set_add, set_delete, set_clear, set_has, set_size, set_values,
} from "./index";
