export function apiReports(root: string): Map<string, string>;
export function undocumented(root: string): string[];
export function internalNames(reports: ReadonlyMap<string, string>): string[];
