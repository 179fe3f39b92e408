/** A program that does nothing, for a minute. */
setTimeout(() => {}, 60_000);
