/**
 * One reading in a process of its own: told a contender and a path, it answers with what came of it, how long it took, how
 * much processor time of all its threads, and the most memory that the process ever had.
 */
import { statSync } from 'node:fs';
import { contenders, searches } from './contenders.js';

const [name, path] = process.argv.slice(2);
const contender = [...contenders, ...searches].find((one) => one.name === name);
const { bytes = statSync(path).size, run } = contender.prepare(path);
const began = process.hrtime.bigint();
const cpuBefore = process.cpuUsage();
const events = await run();
const cpu = process.cpuUsage(cpuBefore);
const seconds = Number(process.hrtime.bigint() - began) / 1e9;
const cpuSeconds = (cpu.user + cpu.system) / 1e6;
process.send({ events, seconds, cpuSeconds, bytes, peakBytes: process.resourceUsage().maxRSS * 1024 });
