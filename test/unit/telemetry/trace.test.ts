import { expect } from 'chai';
import { requestFields, traceOf } from '../../../ops/telemetry/trace.ts';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const parentId = '00f067aa0ba902b7';
const given = `00-${traceId}-${parentId}-01`;

describe('a traceparent header', () => {
  it('of version 00 is taken as it is', () => {
    for (const flags of ['00', '01', 'ff'])
      expect(traceOf(`00-${traceId}-${parentId}-${flags}`)).to.equal(`00-${traceId}-${parentId}-${flags}`);
  });

  it('of a later version is read as version 00, whatever follows', () => {
    for (const [header, flags] of [
      [`01-${traceId}-${parentId}-01`, '01'],
      [`fe-${traceId}-${parentId}-f2`, '00'],
      [`cc-${traceId}-${parentId}-03-what the future will be`, '01'],
      [`cc-${traceId}-${parentId}-00-`, '00'],
    ] as const)
      expect(traceOf(header), header).to.equal(`00-${traceId}-${parentId}-${flags}`);
  });

  it('that is not valid is ignored', () => {
    for (const header of [
      '',
      'x',
      given.slice(0, -1),
      `${given}0`,
      `${given}-`,
      `${given}-00`,
      ` ${given}`,
      `${given}, ${given}`,
      given.toUpperCase(),
      given.replaceAll('-', '_'),
      given.replace('f', 'g'),
      `ff-${traceId}-${parentId}-01`,
      `0x-${traceId}-${parentId}-01`,
      `00-${'0'.repeat(32)}-${parentId}-01`,
      `00-${traceId}-${'0'.repeat(16)}-01`,
      `00-${traceId}-${parentId}-0x`,
      `00-${traceId}-${parentId}-.1`,
      `cc-${traceId}-${parentId}-01.what`,
      `cc-${'0'.repeat(32)}-${parentId}-01`,
    ])
      expect(traceOf(header), header).to.equal(undefined);
  });

  it('has its trace id beside the request id in log lines, where there is one', () => {
    expect(requestFields({ request_id: 'r1', trace: given })).to.deep.equal({
      request_id: 'r1',
      trace_id: traceId,
    });
    expect(requestFields({ request_id: 'r1' })).to.deep.equal({ request_id: 'r1' });
    // Whatever came over NATS, the line is written.
    expect(requestFields({ request_id: 'r1', trace: 5 as never })).to.deep.equal({ request_id: 'r1' });
  });
});
