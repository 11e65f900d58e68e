/** What the workflow does about a failure when no rule says otherwise. */
export type FailureAction =
  | 'retry_same_place'
  | 'retry_other_node'
  | 'retry_after_change'
  | 'resume'
  | 'other_backend'
  | 'ask_human'
  | 'stop';

/** Who must act when the automatic choices are used up. */
export type FailureOwner = 'requester' | 'platform' | 'vendor';

/** What a kind of failure means and what follows from it. */
export interface FailureRule {
  readonly meaning: string;
  readonly action: FailureAction;
  readonly owner: FailureOwner;
  /** Whether an occurrence counts against the attempt's budget of failures without progress. */
  readonly budgeted: boolean;
}

/** The closed union of failure kinds: why a job or a step failed. Adding one asks here what to do and who must act. */
export const FAILURES = {
  device_oom: { meaning: 'accelerator memory, streams or notify resources are short', action: 'retry_after_change', owner: 'requester', budgeted: true },
  device_busy: { meaning: 'another process still holds the device', action: 'retry_same_place', owner: 'platform', budgeted: true },
  host_oom: { meaning: 'host memory ran out', action: 'retry_after_change', owner: 'requester', budgeted: true },
  shm_exhausted: { meaning: '/dev/shm ran out', action: 'retry_after_change', owner: 'requester', budgeted: true },
  evicted: { meaning: 'the pod was evicted', action: 'retry_after_change', owner: 'platform', budgeted: true },
  device_fault: { meaning: 'the device reported a hardware fault', action: 'retry_other_node', owner: 'platform', budgeted: true },
  device_exec_exception: { meaning: 'a kernel failed or timed out; software more often than hardware', action: 'retry_same_place', owner: 'vendor', budgeted: true },
  collective_timeout: { meaning: 'a collective operation timed out; a symptom', action: 'retry_other_node', owner: 'platform', budgeted: true },
  peer_failure: { meaning: 'another rank failed first; a symptom', action: 'retry_other_node', owner: 'platform', budgeted: true },
  hang: { meaning: 'no step for longer than the run itself explains', action: 'retry_other_node', owner: 'platform', budgeted: true },
  network_link: { meaning: 'a link between devices failed', action: 'retry_other_node', owner: 'platform', budgeted: true },
  node_failure: { meaning: 'the node or the job\'s processes were lost', action: 'retry_other_node', owner: 'platform', budgeted: true },
  rendezvous_failure: { meaning: 'the ranks did not find each other', action: 'retry_same_place', owner: 'platform', budgeted: true },
  port_in_use: { meaning: 'a port was taken', action: 'retry_same_place', owner: 'platform', budgeted: true },
  unsupported_op_dtype: { meaning: 'an operator or dtype is not supported here', action: 'retry_after_change', owner: 'requester', budgeted: true },
  stack_mismatch: { meaning: 'versions of the software stack do not fit', action: 'retry_after_change', owner: 'platform', budgeted: true },
  checkpoint_schema_mismatch: { meaning: 'the checkpoint does not have the tensors that the loader asks for', action: 'retry_after_change', owner: 'requester', budgeted: true },
  numeric_divergence: { meaning: 'NaN, infinity or a loss spike', action: 'resume', owner: 'requester', budgeted: true },
  preempted: { meaning: 'the place was taken back', action: 'resume', owner: 'platform', budgeted: false },
  time_limit: { meaning: 'the scheduler\'s time limit ended the job', action: 'resume', owner: 'platform', budgeted: false },
  storage_transient: { meaning: 'storage failed for a moment', action: 'retry_same_place', owner: 'platform', budgeted: true },
  storage_full: { meaning: 'no space left', action: 'ask_human', owner: 'platform', budgeted: true },
  checkpoint_corrupt: { meaning: 'a checkpoint does not match its digest', action: 'resume', owner: 'platform', budgeted: true },
  missing_file: { meaning: 'a file or a declared output does not exist', action: 'ask_human', owner: 'requester', budgeted: true },
  bad_data: { meaning: 'the data cannot be used as they are', action: 'ask_human', owner: 'requester', budgeted: true },
  user_error: { meaning: 'the command or its configuration is wrong', action: 'ask_human', owner: 'requester', budgeted: true },
  auth: { meaning: 'a permission or credential is missing', action: 'ask_human', owner: 'requester', budgeted: true },
  artifact_fetch: { meaning: 'something could not be downloaded', action: 'ask_human', owner: 'platform', budgeted: true },
  validation_garbled: { meaning: 'the candidate answers with noise', action: 'ask_human', owner: 'requester', budgeted: true },
  validation_accuracy: { meaning: 'the candidate answers worse than allowed', action: 'ask_human', owner: 'requester', budgeted: true },
  unknown: { meaning: 'nothing recognised', action: 'retry_same_place', owner: 'requester', budgeted: true },
} as const satisfies Record<string, FailureRule>;

/** Why a job or a step failed: a key of FAILURES. */
export type FailureKind = keyof typeof FAILURES;
export const FAILURE_KINDS = Object.keys(FAILURES) as [FailureKind, ...FailureKind[]];

interface StopRule {
  readonly meaning: string;
  /** Whether the same call may succeed later without anybody changing anything. */
  readonly retryable: boolean;
}

/** The closed union of stop codes: why a run ended or was refused. */
export const STOPS = {
  spec_invalid: { meaning: 'the run spec is not valid', retryable: false },
  site_invalid: { meaning: 'the worker\'s site file is not valid', retryable: false },
  state_forged: { meaning: 'a start brought a state that only a running workflow may carry', retryable: false },
  unknown_executor: { meaning: 'the site has no such executor', retryable: false },
  unknown_secret: { meaning: 'the site has no such secret', retryable: false },
  artifact_missing: { meaning: 'an artifact is not in the store', retryable: false },
  artifact_corrupt: { meaning: 'an artifact does not match its digest', retryable: false },
  path_refused: { meaning: 'a path leaves the folder it must stay in', retryable: false },
  storage_unavailable: { meaning: 'the store or the job directory cannot be used just now', retryable: true },
  executor_unavailable: { meaning: 'an executor could not do what it was asked for just now', retryable: true },
  approval_unproved: { meaning: 'the approvals that the run carries cannot be verified', retryable: false },
  release_exists: { meaning: 'the version is published already with another content', retryable: false },
  release_refused: { meaning: 'what was approved cannot be published as it is', retryable: false },
  rejected: { meaning: 'the release was rejected', retryable: false },
  expired: { meaning: 'nobody decided before the deadline', retryable: false },
  stopped: { meaning: 'a person stopped the run', retryable: false },
  budget_spent: { meaning: 'no automatic choice is left', retryable: false },
} as const satisfies Record<string, StopRule>;

/** Why a run ended or was refused: a key of STOPS. */
export type StopCode = keyof typeof STOPS;

/** Types that Temporal must not retry by itself: computed from the table, so that a new code cannot be forgotten. */
export const NON_RETRYABLE_STOPS = (Object.keys(STOPS) as StopCode[]).filter((code) => !STOPS[code].retryable);

/** What a run shows of the failure that it met last. Texts come from logs: bounded and without control characters. */
export interface FailureView {
  kind: FailureKind | StopCode;
  message: string;
  rootLine?: string;
  lineNumber?: number;
  owner: FailureOwner;
  nextAction: FailureAction;
}
