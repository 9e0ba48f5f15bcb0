using System.Diagnostics.CodeAnalysis;

namespace Lean.Engine.Drafting;

/// <summary>What users call those who draft.</summary>
internal static class DrafterNames
{
    /// <summary>All of them, for messages.</summary>
    public const string Expected = "mtp or lookup";

    /// <summary>Finds one by its name.</summary>
    public static bool TryFind(string name, [NotNullWhen(true)] out DrafterKind? kind)
    {
        kind = name switch
        {
            "mtp" => DrafterKind.Mtp,
            "lookup" => DrafterKind.Lookup,
            _ => null,
        };
        return kind is not null;
    }
}
