namespace Lean.Engine.Chat.Jinja.Operations;

/// <summary>Stable sorting by Python's order. Comparing may fail, so the library's sorts won't do: they wrap errors.</summary>
internal static class Sorting
{
    /// <summary>The values in the order of their keys; reversed, equal ones stay as they were.</summary>
    public static List<T> Sort<T>(Rendering run, List<T> values, Func<T, object?> key, bool reverse)
    {
        (object? Key, T Value)[] items = [.. values.Select(v => (key(v), v))], spare = new (object?, T)[items.Length];
        for (int width = 1; width < items.Length; width *= 2)
        {
            for (int start = 0; start < items.Length; start += 2 * width)
            {
                Merge(run, items, spare, start, int.Min(start + width, items.Length), int.Min(start + (2 * width), items.Length), reverse);
            }

            (items, spare) = (spare, items);
        }

        return [.. items.Select(static i => i.Value)];
    }

    private static void Merge<T>(
        Rendering run, (object? Key, T Value)[] from, (object? Key, T Value)[] to, int start, int middle, int end, bool reverse)
    {
        int left = start, right = middle;
        for (int i = start; i < end; i++)
        {
            run.Charge(2);
            bool second = right < end && (left >= middle
                || (reverse ? Comparison.Less(run, from[left].Key, from[right].Key) : Comparison.Less(run, from[right].Key, from[left].Key)));
            to[i] = second ? from[right++] : from[left++];
        }
    }
}
