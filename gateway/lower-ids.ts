/**
 * Ids of clients in lower case, as we store and compare them: every `…_id`, `…_ids` and the keys of
 * `chats` (sync). Changes the object that it is given. A request's own `id` is the client's and stays.
 */
export function lowerIds(fields: Record<string, unknown>): void {
  for (const name in fields) {
    const value = fields[name];
    if (typeof value === 'string') {
      if (name.endsWith('_id')) fields[name] = value.toLowerCase();
    } else if (Array.isArray(value)) {
      if (name.endsWith('_ids')) fields[name] = value.map(lower);
    } else if (name === 'chats' && typeof value === 'object' && value !== null) {
      fields[name] = Object.fromEntries(Object.entries(value).map(([id, held]) => [id.toLowerCase(), held]));
    }
  }
}

function lower(value: unknown): unknown {
  return typeof value === 'string' ? value.toLowerCase() : value;
}
