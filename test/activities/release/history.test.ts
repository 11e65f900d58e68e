import { describe, expect, it } from 'vitest';
import { readRecord } from '../../../src/activities/release/history.js';
import { at } from '../../domain/kit.js';
import { ENCRYPTED, UNREADABLE, accepted, acceptedAgain, admitted, payload, serverWith, signalled, started, task } from './kit.js';

const YES = { verdict: 'approve', approver: 'ana', reason: 'fine' };
const read = (executions: Parameters<typeof serverWith>[0], since = 0): ReturnType<typeof readRecord> => readRecord(serverWith(executions), 'run', 'last', at(since));

describe('what the server recorded of a run', () => {
  it('is its decisions, at the time of the task that saw them', async () => {
    const { messages } = await read({ last: [started(0, {}), signalled('approve', payload('fine')), ...task(2), ...task(3, accepted('u1', 'decide', payload(YES))), signalled('reject'), ...task(4)] });
    expect(messages).toEqual([
      { name: 'approve', route: 'signal', payload: 'fine', at: at(2) },
      { name: 'decide', route: 'update', payload: YES, at: at(3) },
      { name: 'reject', route: 'signal', payload: undefined, at: at(4) },
    ]);
  });

  it('has the updates that a reset applied again, whose request stands where they were admitted', async () => {
    const no = { ...YES, verdict: 'reject' };
    const { messages } = await read({ last: [started(0, {}), admitted('u1', 'decide', payload(YES)), admitted('u2', 'decide', payload(no)), admitted('u3', 'decide', payload(YES)), ...task(5, acceptedAgain('u2'), acceptedAgain('u1'))] });
    expect(messages).toEqual([
      { name: 'decide', route: 'update', payload: no, at: at(5) },
      { name: 'decide', route: 'update', payload: YES, at: at(5) },
    ]);
  });

  it('leaves out other messages, and has for a payload that nobody can decode what is no decision', async () => {
    const { messages } = await read({ last: [started(0, {}), signalled('nudge', ENCRYPTED), signalled('approve', ENCRYPTED), ...task(1, accepted('u1', 'poke', UNREADABLE), accepted('u2', 'decide', UNREADABLE))] });
    expect(messages.map(({ name }) => name)).toEqual(['approve', 'decide']);
    // Nothing at all would be a plain consent of a sole member.
    for (const message of messages) expect(message.payload).not.toBeUndefined();
  });

  it('goes back to the execution that ran at the time asked for, and has that one\'s start', async () => {
    const chain = { first: [started(0, { n: 1 }), signalled('approve', payload('a')), ...task(1)], second: [started(10, { n: 2 }, { after: 'first' }), signalled('approve', payload('b')), ...task(11)], last: [started(20, { n: 3 }, { after: 'second' }), ...task(21)] };
    expect(await read(chain, 15)).toMatchObject({ start: { n: 2 }, messages: [{ payload: 'b' }] });
    expect(await read(chain, 5)).toMatchObject({ start: { n: 1 }, messages: [{ payload: 'a' }, { payload: 'b' }] });
  });

  it('is nothing that ran on another queue', async () => {
    await expect(read({ before: [started(0, {}, { queue: 'mallory' })], last: [started(10, {}, { after: 'before' })] })).rejects.toMatchObject({ type: 'approval_unproved' });
  });
});
