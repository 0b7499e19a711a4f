import { Discoverers } from 'moleculer';

export interface DiscovererOptions {
  /** Milliseconds that this process was awake and could hear others. */
  awake(): number;
  /** Is NATS there? Without it nobody is heard, and nobody is judged. */
  up(): boolean;
  /** A node is quieter than it should be. */
  quiet(node: string): void;
  /** Resolves when NATS has what was said so far, or does not answer; never rejects. */
  said(): Promise<void>;
}

/** A heartbeat comes every 0.5–1.5 s: Moleculer draws each node's own interval once. */
const beatS = 1;
const quietMs = 1750;
const deadMs = 3000;
const lookMs = 500;

/**
 * Moleculer's discovery by heartbeats, with two differences. Silence is counted in time that we were awake:
 * Moleculer's own count calls everybody dead after we were blocked. And a heartbeat says which version of the
 * node's INFO is current, so that a lost one is asked for within a second; Moleculer's never asks.
 */
export class AwakeDiscoverer extends Discoverers.Local {
  readonly #options: DiscovererOptions;
  /** Awake time at which each node was heard last. */
  readonly #heard = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: DiscovererOptions) {
    super({ heartbeatInterval: beatS, heartbeatTimeout: deadMs / 1000, disableHeartbeatChecks: true });
    this.#options = options;
  }

  override startHeartbeatTimers(): void {
    super.startHeartbeatTimers();
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#look(), lookMs);
    this.#timer.unref();
  }

  override stopHeartbeatTimers(): void {
    super.stopHeartbeatTimers();
    clearInterval(this.#timer);
  }

  /** Moleculer measures the processor's load for it, which nobody asks for. */
  override beat(): Promise<void> {
    return this.sendHeartbeat();
  }

  override async sendHeartbeat(): Promise<void> {
    const { localNode } = this.registry.nodes;
    const payload = { cpu: 0, seq: localNode?.seq, instanceID: localNode?.instanceID };
    await this.transit?.publish({ type: 'HEARTBEAT', target: '', payload });
  }

  /**
   * Resolves when NATS has it: a node that leaves listens for a while from then on. For all others it is one more ping.
   */
  override async sendLocalNodeInfo(node?: string): Promise<void> {
    await super.sendLocalNodeInfo(node);
    await this.#options.said();
  }

  override heartbeatReceived(node: string, payload: Record<string, unknown>): void {
    this.#heard.set(node, this.#options.awake());
    super.heartbeatReceived(node, payload);
  }

  override processRemoteNodeInfo(node: string, payload: Record<string, unknown>) {
    this.#heard.set(node, this.#options.awake());
    return super.processRemoteNodeInfo(node, payload);
  }

  override remoteNodeDisconnected(node: string, unexpected: boolean): void {
    this.#heard.delete(node);
    super.remoteNodeDisconnected(node, unexpected);
  }

  /** NATS was away and is back: nobody is judged by what could not be heard, and what was missed is asked for. */
  returned(): void {
    const now = this.#options.awake();
    for (const node of this.#heard.keys()) this.#heard.set(node, now);
    void this.sendLocalNodeInfo();
    void this.discoverAllNodes();
  }

  #look(): void {
    if (!this.#options.up()) return;
    const now = this.#options.awake();
    for (const [node, heard] of [...this.#heard]) {
      if (this.registry.nodes.get(node)?.available !== true) this.#heard.delete(node);
      else if (now - heard > deadMs) this.remoteNodeDisconnected(node, true);
      else if (now - heard > quietMs) this.#options.quiet(node);
    }
  }
}
