import { describe, expect, it } from 'vitest';
import { FAILURES, FAILURE_KINDS, NON_RETRYABLE_STOPS, STOPS, type FailureRule } from '../../src/domain/failure.js';
import { failure } from '../../src/temporal-failure.js';

/** The closed union of failure kinds, as the domain knows them. */
const KINDS = `
  device_oom device_busy host_oom shm_exhausted evicted device_fault device_exec_exception collective_timeout peer_failure hang
  network_link node_failure rendezvous_failure port_in_use unsupported_op_dtype stack_mismatch checkpoint_schema_mismatch
  numeric_divergence preempted time_limit storage_transient storage_full checkpoint_corrupt missing_file bad_data user_error auth
  artifact_fetch validation_garbled validation_accuracy unknown
`.trim().split(/\s+/);

const rules: [string, FailureRule][] = Object.entries(FAILURES);

describe('the table of failures', () => {
  it('has every kind, and no other', () => {
    expect([...FAILURE_KINDS].sort()).toEqual([...KINDS].sort());
  });

  it.each(rules)('says of %s what it means, what to do and who must act', (_kind, rule) => {
    expect(rule.meaning.length).toBeGreaterThan(5);
    expect(['retry_same_place', 'retry_other_node', 'retry_after_change', 'resume', 'other_backend', 'ask_human', 'stop']).toContain(rule.action);
    expect(['requester', 'platform', 'vendor']).toContain(rule.owner);
  });

  it('costs no budget when the place was taken back, and always does otherwise', () => {
    expect(rules.filter(([, rule]) => !rule.budgeted).map(([kind]) => kind).sort()).toEqual(['preempted', 'time_limit']);
  });

  it('never retries blindly what a person must put right', () => {
    for (const kind of ['bad_data', 'user_error', 'auth', 'validation_garbled', 'validation_accuracy'] as const) expect(FAILURES[kind].action).toBe('ask_human');
    for (const kind of ['unsupported_op_dtype', 'stack_mismatch', 'checkpoint_schema_mismatch', 'device_oom'] as const) expect(FAILURES[kind].action).toBe('retry_after_change');
  });
});

describe('the stop codes', () => {
  it('are words of their own, so that a type means one thing', () => {
    expect(Object.keys(STOPS).filter((code) => code in FAILURES)).toEqual([]);
    for (const word of [...KINDS, ...Object.keys(STOPS)]) expect(word).toMatch(/^[a-z][a-z_]*$/);
  });

  it('are retried by Temporal only where nothing must change for the next try to succeed', () => {
    expect(Object.keys(STOPS).filter((code) => !(NON_RETRYABLE_STOPS as string[]).includes(code)).sort()).toEqual(['executor_unavailable', 'storage_unavailable']);
  });

  it('make failures whose type is the code', () => {
    expect(failure('artifact_corrupt', 'x')).toMatchObject({ type: 'artifact_corrupt', message: 'x', nonRetryable: true });
    expect(failure('storage_unavailable', 'x')).toMatchObject({ type: 'storage_unavailable', nonRetryable: false });
    expect(failure('device_fault', 'x', [{ a: 1 }])).toMatchObject({ nonRetryable: true, details: [{ a: 1 }] });
  });
});
