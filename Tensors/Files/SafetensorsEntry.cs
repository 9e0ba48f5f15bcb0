namespace Lean.Tensors;

/// <summary>One tensor as a header declares it.</summary>
/// <param name="Name">The tensor's name.</param>
/// <param name="Type">The element type's name in the file.</param>
/// <param name="Extents">The shape; more than four dimensions are possible (vision towers have five).</param>
/// <param name="Begin">The first byte, counted from the start of the data.</param>
/// <param name="End">The byte after the last.</param>
internal sealed record SafetensorsEntry(string Name, string Type, long[] Extents, long Begin, long End)
{
    private const int MostShown = 8;

    /// <summary>Type and shape as written in the file, BF16 [2048, 256]; of absurdly many dimensions only the first.</summary>
    public string Describe()
    {
        string shown = string.Join(", ", Extents.Take(MostShown));
        return Extents.Length <= MostShown ? $"{Type} [{shown}]" : $"{Type} [{shown}, … {Extents.Length} dimensions]";
    }
}
