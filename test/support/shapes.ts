import type { WorkflowHandle } from '@temporalio/client';
import type { RunInput } from '../../src/domain/run-input.js';
import type { RunSpecInput } from '../../src/domain/spec.js';
import { SERVE, makes, shellJob, until, verdict, type Stack } from './stack.js';

/** A kind of run that open executions in the field may be in the middle of: each has a recorded history that must replay. */
export interface Shape {
  name: string;
  spec: RunSpecInput;
  extra?: Partial<RunInput>;
  /** Takes the run to where its history is recorded. */
  drive: (run: WorkflowHandle, stack: Stack) => Promise<void>;
}

const FAST = { backoff: '200 ms', failures: 2 };
const base = { schema: 'modelferry.run/1', model: 'tiny', version: '1' } as const;
const job = (name: string): { job: ReturnType<typeof shellJob> } => ({ job: shellJob(makes(name), FAST) });

const WHOLE: RunSpecInput = {
  ...base,
  params: { seed: 1 },
  stages: {
    preflight: {},
    prepareData: job('dataset'),
    label: job('labels'),
    train: { attempts: [shellJob('exit 1', { ...FAST, backend: 'ascend', simulated: true }), shellJob(`[ "$FERRY_ATTEMPT" -gt 3 ] || exit 75; ${makes('checkpoint')}`, { ...FAST, backend: 'nvidia', simulated: true })] },
    assessQuality: job('quality'),
    convert: { job: shellJob(`[ "$FERRY_ATTEMPT" -gt 1 ] || exit 78; ${makes('model')}`, { ...FAST, params: { dtype: 'bf16' } }) },
    validateOnAscend: job('validation'),
    approve: {},
    publish: {},
    rollOut: job('rollout'),
  },
};
const RELEASE: RunSpecInput = { ...base, stages: { train: { attempts: [shellJob(makes('checkpoint'))] }, convert: job('model'), approve: {}, publish: {} } };

/** One attempt is lost to a server that is never ready, the next is inconclusive and comes to a person, and the third passes. */
const SERVED: RunSpecInput = {
  ...base,
  stages: {
    train: { attempts: [shellJob(makes('checkpoint'), FAST)] },
    convert: job('model'),
    validateOnAscend: {
      job: shellJob(`if [ "$FERRY_ATTEMPT" = 2 ]; then ${verdict('inconclusive', 'few')}; else ${verdict('pass', 'the same')}; fi; ${makes('validation')}`, FAST),
      servers: {
        reference: shellJob(SERVE, { backend: 'nvidia', simulated: true }),
        candidate: shellJob(`[ "$FERRY_ATTEMPT" -gt 1 ] || exit 3; ${SERVE}`, { backend: 'ascend', simulated: true }),
      },
    },
  },
};

const decide = async (run: WorkflowHandle, stack: Stack, decision: Record<string, unknown>): Promise<void> => {
  await stack.client.workflow.getHandle(run.workflowId).executeUpdate('decide', { args: [{ approver: 'demo-manager', reason: 'recorded', ...decision }] });
};
const atGate = async (run: WorkflowHandle, stack: Stack, gate: string, opening = 1): Promise<void> => {
  await until(stack.client.workflow.getHandle(run.workflowId), (s) => s.gates[gate]?.opening === opening && s.gates[gate].outcome === undefined);
};
const ended = async (run: WorkflowHandle, stack: Stack): Promise<void> => {
  await stack.client.workflow.getHandle(run.workflowId).result().catch((error: unknown) => {
    if (!(error instanceof Error && error.name === 'WorkflowFailedError')) throw error;
  });
};

async function throughBothGates(run: WorkflowHandle, stack: Stack): Promise<void> {
  await atGate(run, stack, 'repair.convert');
  await decide(run, stack, { verdict: 'change', set: { dtype: 'fp16' } });
  await atGate(run, stack, 'approve');
  await decide(run, stack, { verdict: 'approve' });
  await ended(run, stack);
}

async function throughTheValidation(run: WorkflowHandle, stack: Stack): Promise<void> {
  await atGate(run, stack, 'repair.validateOnAscend');
  await decide(run, stack, { verdict: 'retry' });
  await ended(run, stack);
}

export const SHAPES: readonly Shape[] = [
  { name: 'whole-run', spec: WHOLE, drive: throughBothGates },
  { name: 'continued-at-every-wait', spec: WHOLE, extra: { rehearsal: { continueAsNewAfterMs: 0 } }, drive: throughBothGates },
  { name: 'served', spec: SERVED, drive: throughTheValidation },
  { name: 'served-and-continued', spec: SERVED, extra: { rehearsal: { continueAsNewAfterMs: 0 } }, drive: throughTheValidation },
  {
    name: 'parked-at-approval',
    spec: RELEASE,
    drive: async (run, stack) => {
      await atGate(run, stack, 'approve');
    },
  },
  {
    name: 'approved-by-signal',
    spec: RELEASE,
    drive: async (run, stack) => {
      await atGate(run, stack, 'approve');
      await run.signal('approve', { approver: 'nobody' });
      await run.signal('approve', 'recorded');
      await ended(run, stack);
    },
  },
  {
    name: 'sent-back-then-rejected',
    spec: RELEASE,
    drive: async (run, stack) => {
      await atGate(run, stack, 'approve');
      await decide(run, stack, { verdict: 'reject', to: 'convert' });
      await atGate(run, stack, 'approve', 2);
      await decide(run, stack, { verdict: 'reject' });
      await ended(run, stack);
    },
  },
  { name: 'expired', spec: { ...RELEASE, stages: { ...RELEASE.stages, approve: { deadline: '1 second' } } }, drive: ended },
  {
    name: 'repair-stopped',
    spec: { ...base, stages: { train: { attempts: [shellJob('exit 78')] } } },
    drive: async (run, stack) => {
      await atGate(run, stack, 'repair.train');
      await decide(run, stack, { verdict: 'stop' });
      await ended(run, stack);
    },
  },
  {
    name: 'cancelled',
    spec: { ...base, stages: { train: { attempts: [shellJob('while true; do sleep 0.2 || exit 75; done', { grace: '2 seconds' })] } } },
    drive: async (run, stack) => {
      await until(run, (s) => s.jobs[0]?.handle !== undefined);
      await run.cancel();
      await ended(run, stack);
    },
  },
];
