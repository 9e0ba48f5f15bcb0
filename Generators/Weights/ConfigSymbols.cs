using Microsoft.CodeAnalysis;

namespace Lean.Generators.Weights;

/// <summary>The integer properties of ModelConfig: what shapes may be written in.</summary>
internal sealed class ConfigSymbols
{
    private readonly SortedDictionary<string, bool> _stored = new(StringComparer.Ordinal);

    public static ConfigSymbols Of(Compilation compilation)
    {
        var symbols = new ConfigSymbols();
        INamedTypeSymbol? config = compilation.GetTypeByMetadataName("Lean.Engine.Models.ModelConfig");
        foreach (IPropertySymbol property in config?.GetMembers().OfType<IPropertySymbol>() ?? [])
        {
            if (property.Type.SpecialType == SpecialType.System_Int32 && !property.IsStatic && !property.IsIndexer)
            {
                symbols._stored[property.Name] = property.SetMethod is not null;
            }
        }

        return symbols;
    }

    public bool Contains(string name) => _stored.ContainsKey(name);

    /// <summary>Whether a symbol is stored, hence independent of the others, and not computed from them.</summary>
    public bool IsStored(string name) => _stored.TryGetValue(name, out bool stored) && stored;

    /// <summary>The three symbols that differ least from a name.</summary>
    public string Nearest(string name) => _stored.Count == 0
        ? "none, since ModelConfig was not found"
        : string.Join(", ", _stored.Keys.OrderBy(s => Distance(s, name)).ThenBy(s => s, StringComparer.Ordinal).Take(3));

    // Levenshtein's distance, ignoring case.
    private static int Distance(string a, string b)
    {
        int[] row = [.. Enumerable.Range(0, b.Length + 1)];
        for (int i = 1; i <= a.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                int change = diagonal + (char.ToLowerInvariant(a[i - 1]) == char.ToLowerInvariant(b[j - 1]) ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(change, 1 + Math.Min(row[j], row[j - 1]));
            }
        }

        return row[b.Length];
    }
}
