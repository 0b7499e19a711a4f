import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { documentRoutes } from '../../../gateway/documents/routes.ts';
import type { Route } from '../../../gateway/http/route.ts';
import { systemRoutes } from '../../../gateway/http/routes/system.ts';
import { createPage } from '../../../gateway/web/page.ts';
import { pageRoutes } from '../../../gateway/web/routes.ts';
import { systemClock } from '../../../ops/process/clock.ts';
import { createHealth } from '../../../ops/process/health.ts';
import { createMetrics } from '../../../ops/telemetry/metrics.ts';

const folder = join(import.meta.dirname, '..', '..', '..', 'gateway', 'http', 'routes');

/** Every route of the code: all tables of `gateway/http/routes`, and those that are made of parts. */
export async function everyRoute(): Promise<Route[]> {
  const files = readdirSync(folder).filter((name) => name.endsWith('.ts'));
  const modules = await Promise.all(files.map((name) => import(join(folder, name)) as Promise<object>));
  const tables = modules.flatMap((module) => Object.values(module)).filter(isTable);
  const made = [
    ...systemRoutes({
      health: createHealth(systemClock, { version: '', commit: '' }),
      metrics: createMetrics(),
      draining: () => false,
    }),
    ...pageRoutes(createPage()),
    ...documentRoutes([], () => ''),
  ];
  return [...tables.flat(), ...made];
}

function isTable(value: unknown): value is Route[] {
  return Array.isArray(value) && value.length > 0 && value.every((row) => isRoute(row));
}

function isRoute(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'path' in value && 'handle' in value;
}
