namespace Lean.Engine.Drafting;

/// <summary>Who drafts.</summary>
internal enum DrafterKind
{
    /// <summary>The model's MTP head, on its device.</summary>
    Mtp,

    /// <summary>An earlier occurrence of the text's last tokens in the text itself, on the host (see <see cref="PromptLookup"/>).</summary>
    Lookup,
}
