// Every pipeline of this project: what `ferry` and its workers load, by the line "modelferry" of package.json. An export's
// name is the pipeline's name in specs.
export * from './more-pipelines.js';
export * from './pipelines.js';
