namespace Lean.Engine.Protocol;

/// <summary>A prompt as a request gives it: a text, or token ids.</summary>
internal sealed record PromptInput
{
    /// <summary>A prompt that is a text.</summary>
    public PromptInput(string path, string text) => (Path, Text) = (path, text);

    /// <summary>A prompt that is tokens.</summary>
    public PromptInput(string path, int[] ids) => (Path, Ids) = (path, ids);

    /// <summary>Where it stands in the request.</summary>
    public string Path { get; }

    /// <summary>The text, or null.</summary>
    public string? Text { get; }

    /// <summary>The tokens, or null.</summary>
    public int[]? Ids { get; }
}
