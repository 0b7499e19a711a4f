import type { TSchema } from 'typebox';
import { type Validate, validator } from '../../schemas/validator.ts';
import type { Route } from './route.ts';

/** A route made ready: its pattern for uWebSockets, its checks compiled. */
export interface Row {
  readonly route: Route;
  /** `/api/v1/users/:id` */
  readonly pattern: string;
  /** The names of its parameters, in the order they stand in the path. */
  readonly names: readonly string[];
  readonly queryNames: readonly string[];
  readonly validateQuery: Validate<unknown> | undefined;
  readonly validateBody: Validate<unknown> | undefined;
}

export function compileRow(route: Route): Row {
  const names: string[] = [];
  const pattern = route.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    names.push(name);
    return `:${name}`;
  });
  const known = route.query as (TSchema & { properties?: object }) | undefined;
  return {
    route,
    pattern,
    names,
    queryNames: Object.keys(known?.properties ?? {}),
    validateQuery: route.query && validator<TSchema>(route.query),
    validateBody: route.body && validator<TSchema>(route.body),
  };
}
