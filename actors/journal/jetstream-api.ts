import type { StreamConfig, StreamInfo } from 'nats';
import type { Requests } from './jetstream-requests.ts';
import type { JournalRecord } from './journal.ts';

/** An error that the server answered: its HTTP-like code, JetStream's own one, and its words. */
export class JetstreamRefusal extends Error {
  readonly answer: ServerError;
  readonly code: number;
  readonly errCode: number;

  constructor(answer: ServerError) {
    const { code, err_code = 0, description } = answer;
    super(`${description} (${err_code})`);
    this.name = 'JetstreamRefusal';
    this.answer = answer;
    this.code = code;
    this.errCode = err_code;
  }
}

export interface ServerError {
  code: number;
  err_code?: number;
  description: string;
}

/** Codes of the server's list of errors; the same ones in every version that has them. */
export const errCodes = {
  noMessage: 10037,
  streamNotFound: 10059,
  streamNameInUse: 10058,
  subjectsOverlap: 10065,
  /** 2.10+, replicated: a record with this message id is under way, or was refused within the window. */
  sameIdUnderWay: 10158,
} as const;

/** What this journal asks of JetStream besides publishing. Rejects with JetstreamRefusal and Unanswered. */
export interface JetstreamApi {
  info(): Promise<StreamInfo>;
  create(config: Partial<StreamConfig>): Promise<StreamInfo>;
  update(config: Partial<StreamConfig>): Promise<StreamInfo>;
  /**
   * The newest record of a subject, as its stream's leader has it: never by a direct get, which any replica
   * may answer with what it has so far.
   */
  newest(subject: string): Promise<JournalRecord | undefined>;
  /** Writes the first record of a subject. Rejects where there is one already. */
  first(subject: string, payload: string): Promise<void>;
  /** Forgets the records of a subject below a position. */
  purge(subject: string, below: number): Promise<void>;
  /** A consumer of a subject's records after a position, that dies by itself when nobody pulls. */
  createConsumer(name: string, subject: string, after: number): Promise<void>;
  deleteConsumer(name: string): Promise<void>;
  /** Where pulls of a consumer are sent. */
  pullSubject(name: string): string;
}

/** Nanoseconds, as JetStream counts. */
export const nanosOfMs = 1e6;
/** A consumer that nobody pulls from lives so long: it is deleted sooner, unless its process dies. */
const consumerIdleMs = 10_000;

export function createJetstreamApi(requests: Requests, stream: string): JetstreamApi {
  async function call<Answer>(verb: string, body: object = {}): Promise<Answer> {
    const message = await requests.ask(`$JS.API.${verb}`, JSON.stringify(body));
    const answer = message.json<Answer & { error?: ServerError }>();
    if (answer.error !== undefined) throw new JetstreamRefusal(answer.error);
    return answer;
  }

  return {
    info: () => call(`STREAM.INFO.${stream}`),
    create: (config) => call(`STREAM.CREATE.${stream}`, config),
    update: (config) => call(`STREAM.UPDATE.${stream}`, config),
    async newest(subject) {
      try {
        const { message } = await call<{ message: { seq: number; data?: string } }>(
          `STREAM.MSG.GET.${stream}`,
          { last_by_subj: subject },
        );
        return { position: message.seq, payload: Buffer.from(message.data ?? '', 'base64') };
      } catch (error) {
        if (error instanceof JetstreamRefusal && error.errCode === errCodes.noMessage) return undefined;
        throw error;
      }
    },
    async first(subject, payload) {
      const message = await requests.ask(subject, payload, expecting(0));
      const { error } = message.json<{ error?: ServerError }>();
      if (error !== undefined) throw new JetstreamRefusal(error);
    },
    async purge(subject, below) {
      await call(`STREAM.PURGE.${stream}`, { filter: subject, seq: below });
    },
    async createConsumer(name, subject, after) {
      await call(`CONSUMER.CREATE.${stream}.${name}.${subject}`, {
        stream_name: stream,
        config: {
          name,
          filter_subject: subject,
          deliver_policy: 'by_start_sequence',
          opt_start_seq: after + 1,
          ack_policy: 'none',
          mem_storage: true,
          num_replicas: 1,
          inactive_threshold: consumerIdleMs * nanosOfMs,
        },
      });
    },
    async deleteConsumer(name) {
      await call(`CONSUMER.DELETE.${stream}.${name}`);
    },
    pullSubject: (name) => `$JS.API.CONSUMER.MSG.NEXT.${stream}.${name}`,
  };
}

/** A block of headers: the append is refused unless the subject's newest record is at this position. */
export function expecting(position: number, more = ''): string {
  return `NATS/1.0\r\n${more}Nats-Expected-Last-Subject-Sequence: ${position}\r\n\r\n`;
}
