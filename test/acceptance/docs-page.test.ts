import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBrowser } from '../support/browser.ts';
import { required } from '../support/requirements.ts';
import { type SheafProcess, startSheafProcess } from '../support/sheaf-process.ts';

/** The docs in a real browser: a page that answers 200 may still be blank. */

const browserPath = required('TEST_CHROMIUM');

describe.skipIf(browserPath.missing)(`/docs${browserPath.reason}`, () => {
  let directory: string;
  let sheaf: SheafProcess;
  let browser: Browser;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'sheaf-docs-'));
    sheaf = await startSheafProcess(join(directory, 'data'));
    browser = await openBrowser(browserPath.value());
  });
  afterAll(async () => {
    await browser?.close();
    await sheaf?.stop();
    await rm(directory, { recursive: true, force: true });
  });

  it('shows every route, asks nobody else for anything, and runs a request with the key', async () => {
    const page = await browser.newPage({ viewport: { width: 1280, height: 1600 } });
    const troubles: string[] = [];
    page.on('pageerror', (error) => troubles.push(String(error)));
    page.on('console', (message) => message.type() === 'error' && troubles.push(message.text()));
    page.on('request', (request) => {
      const { protocol, origin } = new URL(request.url());
      if (protocol.startsWith('http') && origin !== new URL(sheaf.url).origin) troubles.push(request.url());
    });
    await page.goto(`${sheaf.url}/docs`);
    const routes = page.locator('.opblock-summary-path');
    await routes.first().waitFor();
    const shown = (await routes.allTextContents()).map((path) => path.replaceAll('\u200b', ''));
    const document = (await (await fetch(`${sheaf.url}/openapi.json`)).json()) as { paths: object };
    expect(new Set(shown)).toEqual(new Set(Object.keys(document.paths)));

    expect(await page.locator('.topbar').count()).toBe(0);

    await page.locator('button.authorize').first().click();
    await page.locator('.auth-container input').first().fill(sheaf.key);
    await page.locator('.auth-btn-wrapper button.authorize').click();
    await page.locator('.btn-done').click();
    const operations = page.locator('#operations-Operations-listOperations');
    await operations.locator('button').first().click();
    await operations.locator('.execute').click();
    await operations.locator('.live-responses-table .response-col_status', { hasText: '200' }).waitFor();
    expect(await operations.locator('.live-responses-table').textContent()).toContain('create_learner');
    expect(troubles).toEqual([]);

    // Where a person wants to look at it, from its top.
    await page.evaluate('scrollTo(0, 0)');
    if (process.env.TEST_SCREENSHOTS)
      await page.screenshot({ path: join(process.env.TEST_SCREENSHOTS, 'docs.png') });
    await page.close();
  });
});
