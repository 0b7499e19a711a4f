import { createConfig, lintFromString } from '@redocly/openapi-core';
import type { Json } from '../../../gateway/documents/components.ts';

/** What Redocly's recommended rules say of an OpenAPI document. */
export async function lintOpenApi(document: Json): Promise<{ errors: string[]; warnings: string[] }> {
  const config = await createConfig({
    extends: ['recommended'],
    rules: {
      // Probes, the page and the documents refuse nobody; `/swagger` only leads on.
      'operation-4xx-response': 'off',
      'operation-2xx-response': 'off',
    },
  });
  const source = JSON.stringify(withoutWrongBodies(document), null, 1);
  const problems = await lintFromString({ source, absoluteRef: 'openapi.json', config });
  const say = (severity: string) =>
    problems
      .filter((problem) => problem.severity === severity)
      .map(({ ruleId, message, location }) => `${ruleId} ${location[0]?.pointer ?? ''}: ${message}`);
  return { errors: say('error'), warnings: say('warn') };
}

type Examples = { examples?: Json };

/** Bodies that break their schema stand there to show the 400 of the same name: the linter cannot know. */
function withoutWrongBodies(document: Json): Json {
  const copy = structuredClone(document);
  for (const methods of Object.values(copy.paths as Record<string, Json>))
    for (const operation of Object.values(methods) as Record<string, Record<string, Json>>[]) {
      const refused = operation.responses?.['400']?.content as Record<string, Examples> | undefined;
      const bodies = operation.requestBody?.content?.['application/json'] as Examples | undefined;
      for (const name of Object.keys(refused?.['application/problem+json']?.examples ?? {}))
        delete bodies?.examples?.[name];
    }
  return copy;
}
