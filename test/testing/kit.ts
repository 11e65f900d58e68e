import type { RunSpecInput } from '../../src/domain/spec.js';
import { createRehearsal, type Rehearsal, type RehearsalOptions } from '../../src/testing/index.js';
import { TEST_TOOLS_DIR } from '../support/temporal-server.js';

/** A rehearsal whose test server is kept in the checkout, where it had to be fetched. */
export const rehearse = (options: RehearsalOptions = {}): Promise<Rehearsal> => createRehearsal({ toolsDir: TEST_TOOLS_DIR, ...options });

/** No rehearsal starts a process: the command is only what the spec must have. */
const COMMAND = ['no-such-program'];
export const job = (extra: object = {}): { command: string[] } => ({ command: COMMAND, ...extra });

const base = { schema: 'modelferry.run/1', model: 'tiny', version: '1' } as const;

/** Two tries without progress on each of two backends; then a person is asked. */
const TRAIN = { attempts: [job({ backend: 'ascend', simulated: true, failures: 2 }), job({ backend: 'nvidia', simulated: true, failures: 2 })] };

/** Only what trains: its end is the end of the run. */
export const TRAINING: RunSpecInput = { ...base, stages: { train: TRAIN } };

/** From data to a roll-out, with servers beside the validation and a month for each gate. */
export const WHOLE: RunSpecInput = {
  ...base,
  repair: { deadline: '30 days' },
  stages: {
    preflight: {},
    prepareData: { job: job() },
    train: TRAIN,
    assessQuality: { job: job() },
    convert: { job: job() },
    validateOnAscend: { job: job(), servers: { reference: job({ backend: 'nvidia', simulated: true }), candidate: job({ backend: 'ascend', simulated: true }) } },
    approve: { deadline: '30 days' },
    publish: {},
    rollOut: { job: job() },
  },
};

/** The shortest way to an approval. */
export const RELEASE: RunSpecInput = { ...base, stages: { train: { attempts: [job()] }, convert: { job: job() }, approve: { deadline: '30 days' }, publish: {} } };

export const DAY_MS = 86_400_000;
