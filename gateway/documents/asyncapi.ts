import type { RequestType } from '../../schemas/frames/client.ts';
import type { EventType } from '../../schemas/frames/server.ts';
import { createComponents, type Json } from './components.ts';
import { eventTypes, messagesOf, requestTypes } from './messages.ts';
import { eventWords, protocolDescription, requestWords } from './protocol-words.ts';
import { frameRefusals, sentence } from './refusals.ts';

/** The AsyncAPI 3 document of the WebSocket. */
export function asyncApiDocument(version: string): Json {
  const components = createComponents('draft-07');
  const messages = messagesOf(components);
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Suhbat',
      version,
      description: 'Realtime chat: the WebSocket protocol, version 1. The REST API is in `/openapi.json`.',
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    defaultContentType: 'application/json',
    servers: {
      gateway: {
        host: '{host}',
        protocol: 'ws',
        description: 'A gateway; `wss` behind TLS.',
        variables: { host: { default: '127.0.0.1:8080', description: 'Where this document came from.' } },
        security: [{ $ref: '#/components/securitySchemes/bearer' }],
      },
    },
    channels: {
      socket: {
        address: '/ws',
        title: 'The socket',
        description: protocolDescription(),
        messages: Object.fromEntries(
          Object.keys(messages).map((name) => [name, { $ref: `#/components/messages/${name}` }]),
        ),
        bindings: {
          ws: {
            method: 'GET',
            query: {
              type: 'object',
              properties: {
                ticket: { type: 'string', description: 'One use, 30 s; from `POST /api/v1/ws-ticket`.' },
              },
            },
          },
        },
      },
    },
    operations: {
      ...Object.fromEntries(requestTypes.map((type) => [`request.${type}`, requestOperation(type)])),
      ...Object.fromEntries(eventTypes.map((type) => [`event.${type}`, eventOperation(type)])),
      error: { action: 'send', channel, title: 'error', messages: [inChannel('error')] },
    },
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'The access token.' },
      },
      correlationIds: {
        request: { location: '$message.payload#/id' },
        reply: { location: '$message.payload#/re' },
      },
      messages,
      schemas: components.schemas(),
    },
  };
}

const channel = { $ref: '#/channels/socket' };
const inChannel = (name: string) => ({ $ref: `#/channels/socket/messages/${name}` });

/** As AsyncAPI sees it the server receives a request and replies. */
function requestOperation(type: RequestType): Json {
  const given = [...frameRefusals(type)].map(([code, reasons]) => `- ${sentence(code, reasons)}`);
  return {
    action: 'receive',
    channel,
    title: type,
    summary: requestWords[type],
    description: `Refused with\n\n${given.join('\n')}`,
    messages: [inChannel(`request.${type}`)],
    reply: { channel, messages: [inChannel(`reply.${type}`), inChannel(`refusal.${type}`)] },
    'x-reasons': Object.fromEntries(frameRefusals(type)),
  };
}

function eventOperation(type: EventType): Json {
  return {
    action: 'send',
    channel,
    title: type,
    summary: eventWords[type],
    messages: [inChannel(`event.${type}`)],
  };
}
