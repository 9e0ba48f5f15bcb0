using Lean.Engine.Chat.Jinja.Operations;
using Lean.Engine.Chat.Jinja.Values;
using static Lean.Engine.Chat.Jinja.Filters.FilterTools;

namespace Lean.Engine.Chat.Jinja.Filters;

/// <summary>Filters that compare elements.</summary>
internal static class OrderFilters
{
    /// <summary>The filters.</summary>
    public static IEnumerable<KeyValuePair<string, Filter>> All =>
    [
        Of("sort", 0, static (run, a) => Sort(run, a), "reverse", "case_sensitive", "attribute"),
        Of("dictsort", 0, static (run, a) => DictSort(run, a), "case_sensitive", "by", "reverse"),
        Of("groupby", 1, static (run, a) => GroupBy(run, a), "attribute", "default", "case_sensitive"),
        Of("unique", 0, static (run, a) => Iterator.Generator(Unique(run, a)), "case_sensitive", "attribute"),
        Of("min", 0, static (run, a) => Extreme(run, a, most: false), "case_sensitive", "attribute"),
        Of("max", 0, static (run, a) => Extreme(run, a, most: true), "case_sensitive", "attribute"),
    ];

    private static ListValue Sort(Rendering run, object?[] a)
    {
        bool ignoreCase = !Flag(a[2]);
        object?[] attributes = Types.TryText(a[3], out string several) ? several.Split(',') : [Or(a[3], null)];
        Func<object?, object?>[] keys = [.. attributes.Select(t => Getter(run, t, null, ignoreCase))];
        Func<object?, object?> key = keys.Length == 1 ? keys[0] : item => new ListValue([.. keys.Select(k => k(item))]);
        return new ListValue([.. Sorting.Sort(run, Sequences.ToList(run, a[0]), key, Flag(a[1]))]);
    }

    private static ListValue DictSort(Rendering run, object?[] a)
    {
        int part = Or(a[2], "key") switch
        {
            "key" => 0,
            "value" => 1,
            _ => throw Fault.Argument("You can only sort by either \"key\" or \"value\""),
        };
        DictValue dict = a[0] switch
        {
            DictValue found => found,
            Undefined undefined => throw undefined.Error(),
            _ => throw Fault.Of("AttributeError", $"'{Types.Name(a[0])}' object has no attribute 'items'"),
        };
        bool ignoreCase = !Flag(a[1]);
        return new ListValue([.. Sorting.Sort(run, Sequences.ToList(run, new DictView(dict, DictViewKind.Items)), Key, Flag(a[3]))]);

        object? Key(object? pair)
        {
            object? key = ((TupleValue)pair!).Items[part];
            return ignoreCase ? IgnoreCase(key) : key;
        }
    }

    private static ListValue GroupBy(Rendering run, object?[] a)
    {
        object? fallback = Or(a[2], null);
        bool ignoreCase = !Flag(a[3]);
        Func<object?, object?> key = Getter(run, a[1], fallback, ignoreCase), shown = Getter(run, a[1], fallback);
        List<object?> groups = [], members = [];
        object? current = Missing.Value;
        foreach (object? item in Sorting.Sort(run, Sequences.ToList(run, a[0]), key, reverse: false))
        {
            object? group = key(item);
            if (members.Count > 0 && !Comparison.Equal(run, group, current))
            {
                groups.Add(Group(shown(members[0]), members));
                members = [];
            }

            current = group;
            members.Add(item);
        }

        if (members.Count > 0)
        {
            groups.Add(Group(shown(members[0]), members));
        }

        return new ListValue([.. groups]);
    }

    private static TupleValue Group(object? key, List<object?> members) => new([key, new ListValue([.. members])], ["grouper", "list"]);

    private static IEnumerable<object?> Unique(Rendering run, object?[] a)
    {
        Func<object?, object?> key = Getter(run, Or(a[2], null), null, ignoreCase: !Flag(a[1]));
        var seen = new HashSet<object>(KeyComparer.Instance);
        foreach (object? item in Sequences.Iterate(run, a[0]))
        {
            object? value = key(item);
            KeyComparer.Check(value);
            run.Charge(8 + Container.WeightOf(value));
            if (seen.Add(KeyComparer.Wrap(value)))
            {
                yield return item;
            }
        }
    }

    private static object? Extreme(Rendering run, object?[] a, bool most)
    {
        Func<object?, object?> key = Getter(run, Or(a[2], null), null, ignoreCase: !Flag(a[1]));
        object? found = Missing.Value, best = null;
        foreach (object? item in Sequences.Iterate(run, a[0]))
        {
            object? value = key(item);
            if (Missing.Is(found) || Comparison.Apply(run, most ? ">" : "<", value, best))
            {
                (found, best) = (item, value);
            }
        }

        return Missing.Is(found) ? Undefined.Because("No aggregated item, sequence was empty.") : found;
    }
}
