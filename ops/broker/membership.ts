import type { ServiceBroker } from 'moleculer';

/** A live node, as this one sees it. */
export interface Member {
  id: string;
  /** What it does now: `gateway`, `actors`, `services`; nothing before it has entered. */
  roles: readonly string[];
  /** It finishes what it has, and takes nothing new. */
  draining: boolean;
}

/** Who is there. A hint: it may be some seconds behind, and others may see it differently. */
export interface Membership {
  /** Live nodes, this one included. */
  members(): readonly Member[];
  /** Told after each change; the returned function ends that. */
  onChange(listener: () => void): () => void;
  /** From now on this node takes work of these roles. Call it when the broker has started: it knows the others then. */
  enter(roles: readonly string[]): void;
  /** From now on it takes no new work. */
  drain(): void;
}

interface Metadata {
  roles?: readonly string[];
  draining?: boolean;
}

/**
 * Membership as Moleculer's registry has it; roles and draining travel in the nodes' metadata. Alone, it is
 * this node, and each change is seen at once.
 */
export function createMembership(broker: ServiceBroker): Membership {
  const listeners = new Set<() => void>();
  let members = look();
  let known = JSON.stringify(members);

  function look(): Member[] {
    const live = broker.registry.nodes.toArray().filter(({ available }) => available);
    const found = live.map(({ id, metadata }): Member => {
      const { roles = [], draining = false } = (metadata ?? {}) as Metadata;
      return { id, roles, draining };
    });
    return found.sort((one, other) => (one.id < other.id ? -1 : 1));
  }

  function changed(): void {
    members = look();
    const now = JSON.stringify(members);
    if (now === known) return;
    known = now;
    for (const listener of [...listeners]) listener();
  }

  /** Replaced and not changed in place: what others were sent before must not change with it. */
  function announce(more: Metadata): void {
    const { nodes, discoverer } = broker.registry;
    if (nodes.localNode === undefined) return;
    nodes.localNode.metadata = { ...nodes.localNode.metadata, ...more };
    broker.registry.regenerateLocalRawInfo(true);
    void discoverer.sendLocalNodeInfo();
    changed();
  }

  for (const event of ['connected', 'updated', 'disconnected']) broker.localBus.on(`$node.${event}`, changed);
  return {
    members: () => members,
    onChange(listener) {
      const own = () => listener();
      listeners.add(own);
      return () => void listeners.delete(own);
    },
    enter: (roles) => announce({ roles }),
    drain: () => announce({ draining: true }),
  };
}
