// Calls functions of holdfast/sage-chronicle, one after the other, and says what each gave (of an array, how much)
// and how much memory this process ever had by then, in bytes.
import * as chronicle from 'holdfast/sage-chronicle';

const answers = [];
for (const [method, ...args] of JSON.parse(process.argv[2])) {
  // biome-ignore lint/performance/noDynamicNamespaceImportAccess: which one is said from outside
  const given = await chronicle[method](...args);
  const value = Array.isArray(given) ? { length: given.length } : given;
  answers.push({ method, value, peakBytes: process.resourceUsage().maxRSS * 1024 });
}
process.send(answers);
process.disconnect();
