declare const unit: unique symbol;

/** Musical time: whole ticks since the beginning, ≥ 0. */
export type Ticks = number & { readonly [unit]: 'ticks' };
