/** Where a record's bytes stand. */
export interface Place {
  position: number;
  /** The segment's ordinal. */
  segment: number;
  /** First byte in that segment. */
  at: number;
  bytes: number;
}

/** Finds one shard's kept records, in order. 20 bytes of memory a record; a trimmed one costs nothing. */
export interface ShardIndex {
  readonly size: number;
  first(): Place | undefined;
  last(): Place | undefined;
  push(place: Place): void;
  /** The newest record's bytes stand elsewhere now. */
  moveLast(place: Place): void;
  /** Forgets records at or below a position, but never the newest. */
  trim(position: number): void;
  /** Up to `limit` places after a position. */
  after(position: number, limit: number): Place[];
}

const INITIAL = 16;

export function createShardIndex(): ShardIndex {
  let positions = new Float64Array(INITIAL);
  let segments = new Uint32Array(INITIAL);
  let places = new Uint32Array(INITIAL);
  let lengths = new Uint32Array(INITIAL);
  let head = 0;
  let tail = 0;

  function place(at: number): Place {
    return {
      position: positions[at] as number,
      segment: segments[at] as number,
      at: places[at] as number,
      bytes: lengths[at] as number,
    };
  }

  function set(at: number, { position, segment, at: from, bytes }: Place): void {
    positions[at] = position;
    segments[at] = segment;
    places[at] = from;
    lengths[at] = bytes;
  }

  /** Moves what is kept to the front, into arrays with as much room again. */
  function makeRoom(): void {
    const room = Math.max(INITIAL, (tail - head) * 2);
    const oldPositions = positions.subarray(head, tail);
    const oldSegments = segments.subarray(head, tail);
    const oldPlaces = places.subarray(head, tail);
    const oldLengths = lengths.subarray(head, tail);
    positions = new Float64Array(room);
    segments = new Uint32Array(room);
    places = new Uint32Array(room);
    lengths = new Uint32Array(room);
    positions.set(oldPositions);
    segments.set(oldSegments);
    places.set(oldPlaces);
    lengths.set(oldLengths);
    tail -= head;
    head = 0;
  }

  /** The first place whose position is greater; `tail` if there is none. */
  function firstAfter(position: number): number {
    let low = head;
    let high = tail;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((positions[middle] as number) > position) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  return {
    get size() {
      return tail - head;
    },
    first: () => (head < tail ? place(head) : undefined),
    last: () => (head < tail ? place(tail - 1) : undefined),
    push(next) {
      if (tail === positions.length) makeRoom();
      set(tail++, next);
    },
    moveLast(next) {
      set(tail - 1, next);
    },
    trim(position) {
      head = Math.max(head, Math.min(firstAfter(position), tail - 1));
      if (positions.length > INITIAL && tail - head < positions.length / 8) makeRoom();
    },
    after(position, limit) {
      const from = firstAfter(position);
      const found: Place[] = [];
      for (let at = from; at < tail && found.length < limit; at++) found.push(place(at));
      return found;
    },
  };
}
