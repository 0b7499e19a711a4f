import { readFileSync } from 'node:fs';

/**
 * Loaded into a process of a test cluster before the program (`--import`): its wall clock is off by the milliseconds
 * that stand in the file of CLOCK_SHIFT, from when it stands there. Monotonic time is left alone, as it is where
 * somebody sets a machine's clock. The product knows nothing of it.
 */
const file = process.env.CLOCK_SHIFT ?? '';
const lookMs = 100;
const TrueDate = Date;
let shift = 0;

function look(): void {
  try {
    shift = Number(readFileSync(file, 'utf8'));
  } catch {
    // Nobody has set it yet.
  }
}

class ShiftedDate extends TrueDate {
  constructor(...given: unknown[]) {
    super(...((given.length === 0 ? [ShiftedDate.now()] : given) as [number]));
  }
  static override now(): number {
    return TrueDate.now() + shift;
  }
}

look();
setInterval(look, lookMs).unref();
globalThis.Date = ShiftedDate as DateConstructor;
