using System.Collections.Frozen;

namespace Lean.Engine.Chat.Jinja.Filters;

/// <summary>All filters, by name.</summary>
internal static class FilterTable
{
    private static readonly FrozenDictionary<string, Filter> s_filters = Build();

    /// <summary>A filter, or null where there is none of that name.</summary>
    public static Filter? Find(string name) => s_filters.GetValueOrDefault(name);

    private static FrozenDictionary<string, Filter> Build()
    {
        Dictionary<string, Filter> filters = new([.. TextFilters.All, .. NumberFilters.All, .. SequenceFilters.All, .. SelectionFilters.All, .. OrderFilters.All, .. ValueFilters.All]);
        foreach ((string alias, string name) in new[] { ("d", "default"), ("e", "escape"), ("count", "length") })
        {
            filters[alias] = filters[name];
        }

        return filters.ToFrozenDictionary(StringComparer.Ordinal);
    }
}
