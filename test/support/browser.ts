import { type Browser, chromium } from 'playwright-core';

/** A Chromium that runs as root and asks nobody for anything by itself. */
export function openBrowser(executablePath: string): Promise<Browser> {
  const args = [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-background-networking',
    '--disable-component-update',
  ];
  return chromium.launch({ executablePath, args });
}
