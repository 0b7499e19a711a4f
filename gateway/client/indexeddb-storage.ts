import type { OutboxStorage, StoredSend } from './outbox-storage.ts';

/**
 * Keeps the outbox in the browser's IndexedDB, so that unsent messages survive a reload, a crash and a
 * closed tab. `name` names the database: one per user. Rejects where the browser keeps nothing (private
 * windows of some browsers, a full disk).
 */
export function indexedDbStorage(name: string): OutboxStorage {
  let opening: Promise<IDBDatabase> | undefined;

  function open(): Promise<IDBDatabase> {
    opening ??= openDatabase(name, () => {
      opening = undefined;
    }).catch((error) => {
      opening = undefined; // the next call tries again
      throw error;
    });
    return opening;
  }

  /** One transaction. Strict: `put` says that the message is kept, so it is on disk. */
  async function run(mode: IDBTransactionMode, work: (sends: IDBObjectStore) => void): Promise<void> {
    const database = await open();
    await new Promise<void>((resolve, reject) => {
      const transaction = database.transaction(sendsStore, mode, { durability: 'strict' });
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error);
      work(transaction.objectStore(sendsStore));
    });
  }

  /** The same for the message of this id: `work` gets its key, undefined where it is not kept. */
  const runFor = (clientId: string, work: (sends: IDBObjectStore, key: IDBValidKey | undefined) => void) =>
    run('readwrite', (sends) => {
      const found = sends.index(clientIdIndex).getKey(clientId);
      found.onsuccess = () => work(sends, found.result);
    });

  return {
    async load() {
      let kept: StoredSend[] = [];
      await run('readonly', (sends) => {
        const all = sends.getAll(); // by their keys, which count up: in the order of the puts
        all.onsuccess = () => {
          kept = all.result;
        };
      });
      return kept;
    },
    put: (send) => runFor(send.client_id, (sends, key) => void sends.put(send, key)),
    remove: (clientId) => runFor(clientId, (sends, key) => key !== undefined && void sends.delete(key)),
  };
}

const sendsStore = 'sends';
const clientIdIndex = 'client_id';

function openDatabase(name: string, lost: () => void): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => {
      const sends = request.result.createObjectStore(sendsStore, { autoIncrement: true });
      sends.createIndex(clientIdIndex, 'client_id', { unique: true });
    };
    request.onerror = () => reject(request.error);
    request.onsuccess = () => {
      const database = request.result;
      database.onclose = lost;
      database.onversionchange = () => {
        database.close();
        lost();
      };
      resolve(database);
    };
  });
}
