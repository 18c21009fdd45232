/** What the shop page's loader and the chat frame say to each other by postMessage, always to one exact origin. */

export interface Context {
  readonly product_no?: number;
  readonly order_id?: string;
}

export interface Theme {
  readonly scheme?: "light" | "dark" | "auto";
  readonly accent?: string;
}

export type ToFrame =
  | { readonly type: "sangdam:open"; readonly touch: boolean }
  | { readonly type: "sangdam:close" }
  | { readonly type: "sangdam:context"; readonly context: Context }
  | { readonly type: "sangdam:theme"; readonly theme: Theme };

export type ToPage =
  | { readonly type: "sangdam:ready"; readonly open: boolean; readonly accent: string | null }
  | { readonly type: "sangdam:close" }
  | { readonly type: "sangdam:unread"; readonly count: number }
  | { readonly type: "sangdam:theme"; readonly theme: Theme };
