export declare const lowest: readonly string[];
