import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import koffi from 'koffi';

/*
 * A GPU for tests where there is none: the Vulkan driver in software that Chromium brings along.
 */

const DRIVER = 'vk_swiftshader_icd.json';
const folders = ['/usr/lib/chromium', ...(process.env.CHROMIUM_PATH ? [dirname(process.env.CHROMIUM_PATH)] : [])];

const folder = folders.find((path) => existsSync(join(path, DRIVER)));

/** What a process needs in its environment to have it as its Vulkan driver; nothing where it is not installed. */
export function softwareGpu(): NodeJS.ProcessEnv {
  return folder === undefined ? {} : { VK_DRIVER_FILES: join(folder, DRIVER), LD_LIBRARY_PATH: folder };
}

/** Makes it the Vulkan driver of this process, before the engine asks for one; says whether it is there. */
export function useSoftwareGpu(): boolean {
  if (folder === undefined) return false;
  process.env.VK_DRIVER_FILES = join(folder, DRIVER);
  // Once it is loaded, the engine finds it by its name.
  koffi.load(join(folder, 'libvulkan.so.1'), { global: true });
  return true;
}
