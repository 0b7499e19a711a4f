import type { TSchema } from 'typebox';
import { type RequestType, requestFrames } from '../../schemas/frames/client.ts';
import { encodeError } from '../../schemas/frames/codec.ts';
import { type EventType, eventFrames, replyFrames } from '../../schemas/frames/server.ts';
import type { Components, Json } from './components.ts';
import { ErrorFrame } from './error-frame.ts';
import { eventExamples } from './examples/events.ts';
import type { FrameExample } from './examples/example.ts';
import { frameExamples } from './examples/frames.ts';
import { eventWords, requestWords } from './protocol-words.ts';
import { frameRefusals } from './refusals.ts';

export const requestTypes = Object.keys(requestFrames) as RequestType[];
export const eventTypes = Object.keys(eventFrames) as EventType[];

/**
 * Every frame as a message: `request.<type>`, `reply.<type>`, `refusal.<type>`, `event.<type>`, and `error`
 * for what had no id. Examples of a request and of its reply have the same name.
 */
export function messagesOf(components: Components): Record<string, Json> {
  const messages: Record<string, Json> = {};
  for (const type of requestTypes) {
    const examples = Object.entries(frameExamples[type] as Record<string, FrameExample>);
    messages[`request.${type}`] = {
      name: type,
      title: `${type} (request)`,
      summary: requestWords[type],
      correlationId: { $ref: '#/components/correlationIds/request' },
      payload: components.refer(requestFrames[type]),
      examples: examples.map(([name, { summary, fields }]) => {
        return { name, summary, payload: { id: exampleId, type, ...fields } };
      }),
    };
    messages[`reply.${type}`] = {
      name: 'ok',
      title: `${type} (reply)`,
      correlationId: { $ref: '#/components/correlationIds/reply' },
      payload: withFields(components, replyFrames[type], {
        re: { type: 'string' },
        type: { const: 'ok' },
      }),
      examples: examples.flatMap(([name, example]) => {
        if ('refusal' in example) return [];
        return [{ name, summary: example.summary, payload: { re: exampleId, type: 'ok', ...example.reply } }];
      }),
    };
    messages[`refusal.${type}`] = refusalMessage(type, examples);
  }
  for (const type of eventTypes) {
    const { summary, fields } = eventExamples[type];
    messages[`event.${type}`] = {
      name: type,
      title: `${type} (event)`,
      summary: eventWords[type],
      payload: withFields(components, eventFrames[type], { type: { const: type } }),
      examples: [{ name: 'example', summary, payload: { type, ...fields } }],
    };
  }
  messages.error = {
    name: 'error',
    title: 'error (without re)',
    summary: 'The refusal of what had no usable `id`',
    payload: components.refer(ErrorFrame),
  };
  return messages;
}

const exampleId = '1';

function withFields(components: Components, schema: TSchema, fields: Json): Json {
  const envelope = { type: 'object', required: Object.keys(fields), properties: fields };
  return { allOf: [components.refer(schema), envelope] };
}

function refusalMessage(type: RequestType, examples: readonly [string, FrameExample][]): Json {
  const refused = examples.flatMap(([name, example]) => {
    if (!('refusal' in example)) return [];
    const payload = JSON.parse(encodeError(exampleId, example.refusal)) as Json;
    return [{ name, summary: example.summary, payload }];
  });
  return {
    name: 'error',
    title: `${type} (refusal)`,
    correlationId: { $ref: '#/components/correlationIds/reply' },
    payload: {
      allOf: [
        { $ref: '#/components/schemas/ErrorFrame' },
        {
          type: 'object',
          required: ['re'],
          properties: { code: { enum: [...frameRefusals(type).keys()] } },
        },
      ],
    },
    ...(refused.length > 0 && { examples: refused }),
  };
}
