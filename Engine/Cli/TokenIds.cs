using Lean.Tensors;

namespace Lean.Engine.Cli;

/// <summary>Reads the token ids that <c>--ids</c> names: a safetensors file's prompt_ids, or a JSON list.</summary>
internal static class TokenIds
{
    private const string Name = "prompt_ids";

    /// <summary>Reads a file.</summary>
    /// <exception cref="InputException">It holds no token ids.</exception>
    public static int[] Read(string path)
    {
        if (!path.EndsWith(".safetensors", StringComparison.OrdinalIgnoreCase))
        {
            return InputFile.Ids(path, InputFile.Json(path, InputFile.Text(path)));
        }

        using SafetensorsFile file = SafetensorsFile.Open(path);
        if (!file.TryGet(Name, out Tensor ids))
        {
            throw new InputException($"{path} holds no {Name}, expected i64 or i32 [T]");
        }

        // One text: a batch of one is the same text under another shape.
        bool oneText = ids.Shape.Rank == 1 || (ids.Shape.Rank == 2 && ids.Shape[0] == 1);
        return ids.Type switch
        {
            DType.I64 when oneText => [.. ids.AsSpan<long>().ToArray().Select(id =>
                id is >= 0 and <= int.MaxValue ? (int)id : throw new InputException($"{path}: {Name} holds {id}, which is no token id"))],
            DType.I32 when oneText => ids.AsSpan<int>().ToArray(),
            _ => throw new InputException($"{path}: {Name} is {ids}, expected i64 or i32 [T]"),
        };
    }
}
