/**
 * One reading in a process of its own: told a contender and a path, it answers with what came of it, how long it took, and
 * the most memory that the process ever had.
 */
import { statSync } from 'node:fs';
import { contenders, searches } from './contenders.js';

const [name, path] = process.argv.slice(2);
const contender = [...contenders, ...searches].find((one) => one.name === name);
const { bytes = statSync(path).size, run } = contender.prepare(path);
const began = process.hrtime.bigint();
const events = await run();
const seconds = Number(process.hrtime.bigint() - began) / 1e9;
process.send({ events, seconds, bytes, peakBytes: process.resourceUsage().maxRSS * 1024 });
