export declare function sourcesFor(target: object, os: string): string[];
