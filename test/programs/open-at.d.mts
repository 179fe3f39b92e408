import type { Chronicle, ChronicleOptions } from 'holdfast';

export function openAt(
  address: string,
  options?: ChronicleOptions,
): Promise<{ readonly chronicle: Chronicle; readonly close: () => Promise<void> }>;
