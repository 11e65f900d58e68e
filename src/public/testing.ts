/** `modelferry/testing`: rehearse pipelines by a script, with skipped time. docs/testing.md says what it is faithful to. */
export * from '../testing/index.js';
