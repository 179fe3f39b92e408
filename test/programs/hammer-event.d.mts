export function eventOf(name: string, caller: number, number: number): { eventId: string; fill: string };
export function lineOf(eventId: string): string;
