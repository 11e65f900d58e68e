import * as z from 'zod';
import { Duration } from './duration.js';
import { Backend } from './job.js';
import { PersonName, QuorumRules } from './sections.js';

/** Bound of the names that an open gate may carry: a run's state holds them. Room for a thousand people with short names. */
const MAX_NAMES_BYTES = 16_384;

const Id = z.string().regex(/^[a-z][a-z0-9-]{0,39}$/, 'an id in kebab-case');

const LocalExecutor = z.strictObject({
  kind: z.literal('local'),
  jobsRoot: z.string().min(1).optional().describe('Default: $FERRY_HOME/jobs.'),
  backends: z.array(Backend).min(1).default(['cpu', 'nvidia', 'ascend']).describe('What jobs here may ask for.'),
  env: z.record(z.string(), z.string()).default({}).describe('Given to every job of this executor.'),
});
export const ExecutorConfig = z.discriminatedUnion('kind', [LocalExecutor]);
export type ExecutorConfig = z.infer<typeof ExecutorConfig>;

export const StoreConfig = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('local-dir'), path: z.string().min(1).optional().describe('Default: $FERRY_HOME/store.') }),
]);
export type StoreConfig = z.infer<typeof StoreConfig>;

/** Where releases go. One layout directory a model lies in `root`, with a tag for each version. */
export const ReleasesConfig = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('oci-layout'),
    root: z
      .string()
      .min(1)
      .regex(/^[^:@]*$/, 'a path without : and @, at which tools split references')
      .optional()
      .describe('Default: $FERRY_HOME/releases.'),
  }),
]);
export type ReleasesConfig = z.infer<typeof ReleasesConfig>;

const SecretSource = z.union([z.strictObject({ env: z.string().min(1) }), z.strictObject({ file: z.string().min(1) })]);
export type SecretSource = z.infer<typeof SecretSource>;

const SecretName = z.strictObject({ secret: Id.describe('The name of a secret of this file.') });

/** Keys of 32 bytes, in base64 or hexadecimal digits, in secrets of this file. */
export const PayloadEncryption = z.strictObject({
  key: SecretName.describe('Encrypts everything that is written.'),
  previous: z.array(SecretName).max(20).default([]).describe('Still read: former keys, and one that is about to become the key.'),
});
export type PayloadEncryption = z.infer<typeof PayloadEncryption>;

/** The names of the secrets that hold keys of a site's payloads. */
export const payloadKeyNames = ({ payloads }: Pick<Site, 'payloads'>): string[] => (payloads === undefined ? [] : [payloads.encryption.key, ...payloads.encryption.previous].map(({ secret }) => secret));

export const Approver = z.strictObject({ name: PersonName, roles: z.array(z.string().min(1).max(100)).min(1).max(20) });
export type Approver = z.infer<typeof Approver>;

/**
 * What every release here needs at least. A spec can ask for more, never for less.
 * `identity: asserted` means that a name is taken as it is given; it is shown as such wherever a decision shows.
 */
export const ApprovalPolicy = z.strictObject({
  identity: z.enum(['asserted']).default('asserted'),
  roles: QuorumRules.min(1).default([{ role: 'release-manager', quorum: 1 }]),
  excludeAuthor: z.boolean().default(true),
});
export type ApprovalPolicy = z.infer<typeof ApprovalPolicy>;

/** Times and bounds of a site: they reach workflows as data, so that a rehearsal or another site can set them. */
export const Limits = z.strictObject({
  heartbeatTimeout: Duration.prefault('15 seconds').describe('After this long without a sign of life another worker takes over the watch.'),
  pollInterval: Duration.prefault('250 ms').describe('How often a watched job is looked at.'),
  jobMaxDuration: Duration.prefault('30 days').describe('A single watch; longer jobs are watched again.'),
  sweepInterval: Duration.prefault('5 minutes'),
  maxHistoryEvents: z.number().int().min(100).max(40_000).default(4000).describe('A run continues as new at the next wait after so many events.'),
});
export type Limits = z.infer<typeof Limits>;

/** A site file: what an admin writes once. The one of the worker counts. */
export const Site = z
  .strictObject({
    schema: z.literal('modelferry.site/1'),
    name: Id.default('site'),
    executors: z.record(Id, ExecutorConfig).default({ local: { kind: 'local', backends: ['cpu', 'nvidia', 'ascend'], env: {} } }),
    store: StoreConfig.default({ kind: 'local-dir' }),
    releases: ReleasesConfig.default({ kind: 'oci-layout' }),
    secrets: z.record(Id, SecretSource).default({}),
    payloads: z.strictObject({ encryption: PayloadEncryption }).optional().describe('How what is sent to the Temporal server is encrypted; absent: not at all.'),
    approvers: z.array(Approver).max(1000).default([]),
    operators: z.array(PersonName).max(1000).optional().describe('Who may answer repair gates; absent: anyone who can reach the server.'),
    approval: ApprovalPolicy.prefault({}),
    limits: Limits.prefault({}),
  })
  .superRefine((site, context) => {
    for (const name of payloadKeyNames(site)) if (!Object.hasOwn(site.secrets, name)) context.addIssue({ code: 'custom', path: ['payloads', 'encryption'], message: `secrets of this file; ${name} is none` });
    const bytesOf = (names: readonly string[]): number => names.reduce((sum, name) => sum + name.length + 3, 0);
    if (bytesOf(site.approvers.flatMap(({ name, roles }) => roles.map(() => name))) > MAX_NAMES_BYTES)
      context.addIssue({ code: 'custom', path: ['approvers'], message: `fewer approvers, or in fewer roles: their names once for each role take at most ${MAX_NAMES_BYTES} bytes` });
    if (bytesOf(site.operators ?? []) > MAX_NAMES_BYTES) context.addIssue({ code: 'custom', path: ['operators'], message: `fewer operators: their names take at most ${MAX_NAMES_BYTES} bytes` });
    const seen = new Set<string>();
    for (const [i, approver] of site.approvers.entries()) {
      if (seen.has(approver.name)) context.addIssue({ code: 'custom', path: ['approvers', i, 'name'], message: `one entry for each name; ${approver.name} stands twice` });
      seen.add(approver.name);
    }
    for (const [i, rule] of site.approval.roles.entries()) {
      const members = site.approvers.filter((a) => a.roles.includes(rule.role)).length;
      if (members < rule.quorum)
        context.addIssue({ code: 'custom', path: ['approval', 'roles', i], message: `at least ${rule.quorum} approvers in the role ${rule.role} (the file names ${members})` });
    }
  });
export type Site = z.infer<typeof Site>;
/** A site file as it is written: durations are texts, defaults may be left out. */
export type SiteInput = z.input<typeof Site>;

/** The site of `ferry dev` and the demo when nobody wrote one: local jobs and one approver, whose identity is asserted. */
export const BUILT_IN_SITE: SiteInput = {
  schema: 'modelferry.site/1',
  name: 'built-in',
  approvers: [{ name: 'demo-manager', roles: ['release-manager'] }],
};
