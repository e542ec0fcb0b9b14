// State that several views share.
import { useEffect, useState } from "./preact.js";

/** A value that can be followed; `set` changes some of its members. */
export function makeStore(initial) {
  let value = initial;
  const followers = new Set();
  return {
    get: () => value,
    set(members) {
      value = { ...value, ...members };
      for (const follower of [...followers]) follower(value);
    },
    /** Calls `follower` after each change; returns how to end that. */
    follow(follower) {
      followers.add(follower);
      return () => followers.delete(follower);
    },
  };
}

/** The store's value; the view is drawn again when it changes. */
export function useStore(store) {
  const [value, setValue] = useState(store.get());
  useEffect(() => {
    setValue(store.get());
    const end = store.follow(setValue);
    return () => void end();
  }, [store]);
  return value;
}

/** Draws the view again every so many milliseconds, for what counts down. */
export function useTicker(milliseconds) {
  const [, setTick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => setTick((tick) => tick + 1), milliseconds);
    return () => clearInterval(timer);
  }, [milliseconds]);
}
