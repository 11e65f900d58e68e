import type { ArtifactActivities } from './artifacts/index.js';
import type { JobActivities } from './jobs/index.js';
import type { SweepActivities } from './jobs/sweep.js';
import type { RunActivities } from './runs/index.js';
import type { ReleaseActivities } from './release/index.js';
import type { SiteActivities } from './site/index.js';

/** Every activity by its name: what workflows see, as types only. */
export type FerryActivities = SiteActivities & ArtifactActivities & JobActivities & RunActivities & SweepActivities & ReleaseActivities;
