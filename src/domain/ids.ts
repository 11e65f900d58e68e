import * as z from 'zod';
import type { JobIdentity } from './job.js';
import { SERVER_NAMES } from './stage.js';

/** A run's id is its workflow id; it stands in paths, so it holds no separator and starts with a letter or digit. */
export const RunId = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, 'letters, digits, dot, dash and underscore, at most 100, a letter or digit first');

/** Told apart from `RunId`: two runs of one id have two uids. */
export const RunUid = z.string().regex(/^[a-z0-9-]{8,40}$/, 'the uid that ferry start made');

/** The key under which at most one program is ever started. It is a file name on every executor. */
export function jobKey(id: Omit<JobIdentity, 'key' | 'run'>): string {
  return `${id.runUid}.${id.stage}.r${id.round}.a${id.attempt}${id.server === undefined ? '' : `.${id.server}`}`;
}

/** The parts of a key that `jobKey` made; undefined for any other text. */
export function parseJobKey(key: string): Pick<JobIdentity, 'runUid' | 'stage' | 'round' | 'attempt' | 'server'> | undefined {
  const [, runUid, stage, round, attempt, server] = /^([a-z0-9-]+)\.([A-Za-z][A-Za-z0-9-]*)\.r(\d+)\.a(\d+)(?:\.(.+))?$/.exec(key) ?? [];
  if (runUid === undefined || stage === undefined) return undefined;
  const known = SERVER_NAMES.find((name) => name === server);
  if (known !== server) return undefined;
  return { runUid, stage, round: Number(round), attempt: Number(attempt), ...(known === undefined ? {} : { server: known }) };
}

/** Task queues. They are part of running workflows' histories: never change them. */
export const WORKFLOW_QUEUE = 'ferry';
export const executorQueue = (executorId: string): string => `ferry.exec.${executorId}`;
export const localQueue = (hostId: string): string => `ferry.local.${hostId}`;

/** Ids of the workflows and schedules that serve the runs rather than being one. */
export const sweepScheduleId = (queue: string): string => `ferry-sweep.${queue}`;
export const sweepWorkflowId = (queue: string): string => `ferry-sweep.${queue}.run`;

export const repairGateId = (stage: string): string => `repair.${stage}`;
export const APPROVAL_GATE_ID = 'approve';
