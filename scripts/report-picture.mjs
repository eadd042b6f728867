/**
 * Takes the picture of the README from a report: what it opens with, and units alive and score by epoch.
 *
 *     npx slimrnn demo && node scripts/report-picture.mjs runs/demo/report.html docs/images/report.png
 *
 * Needs Chromium (scripts/install-chromium.sh, or CHROMIUM_PATH).
 */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';

const [report, picture] = process.argv.slice(2);
if (report === undefined || picture === undefined) {
  console.error('usage: node scripts/report-picture.mjs REPORT.html PICTURE.png');
  process.exit(2);
}
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM_PATH ?? '/usr/bin/chromium',
  args: ['--no-sandbox'],
});
const page = await browser.newPage({ viewport: { width: 1200, height: 900 }, colorScheme: 'light' });
await page.goto(pathToFileURL(resolve(report)).href);
await page.locator('.chart svg').first().waitFor();
await page.evaluate(() => {
  const hero = document.querySelector('.hero');
  const name = (part) => part.querySelector('h2').textContent;
  const run = [...document.querySelectorAll('.run')].find((each) => name(each) === name(hero));
  const charts = [...run.querySelectorAll('.grid:has(.chart)')].find((grid) => /Units alive/.test(grid.textContent));
  for (const chart of [...charts.children].slice(2)) chart.remove();
  charts.style.marginTop = '1rem';
  hero.append(charts);
});
await page.locator('.hero').screenshot({ path: picture });
await browser.close();
