import type { BrowserContext, Page } from 'playwright-core';

export function findChromium(env?: NodeJS.ProcessEnv): string | undefined;
export function openBrowser(executablePath: string): Promise<{ context: BrowserContext; close: () => Promise<void> }>;
export function textOf(page: Page): Promise<string>;
