using System.Text.RegularExpressions;

namespace Lean.Kernels.Compiler;

/// <summary>What a CUDA kernel's text names and the compiler does not write: sums, left sides, shared memory, tensor maps, clusters.</summary>
internal static partial class CudaText
{
    /// <summary>Declares the sums, the left sides and the shared memory, and puts in the parameters that hold tensor maps.</summary>
    /// <param name="kernel">Which.</param>
    /// <param name="target">The architecture.</param>
    /// <param name="text">PTX of one entry.</param>
    /// <exception cref="BuildException">A parameter that is no map is used as one.</exception>
    public static string Complete(KernelDeclaration kernel, string target, string text)
    {
        MatchCollection parameters = Parameter().Matches(text);
        text = MapUse().Replace(text, match =>
        {
            int index = int.Parse(match.Groups[1].ValueSpan);
            return index < kernel.Parameters.Count && kernel.Parameters[index].Type == "map"
                ? parameters[index].Groups[2].Value
                : throw new BuildException(kernel.Attribute, kernel.Name, $"on {target} parameter {index} is used as a tensor map");
        });
        foreach (Match parameter in parameters.Where((_, i) => kernel.Parameters[i].Type == "map"))
        {
            // The copy engine wants a map at a multiple of 64.
            text = text.Replace(parameter.Value, Alignment().Replace(parameter.Value, ".align 64"), StringComparison.Ordinal);
        }

        if (text.Contains("dynamic_shared", StringComparison.Ordinal))
        {
            text = text.Replace(".address_size 64", ".address_size 64\n\n.extern .shared .align 1024 .b8 dynamic_shared[];", StringComparison.Ordinal);
        }

        if (kernel.Cluster > 0)
        {
            text = text.Insert(text.IndexOf("\n{", StringComparison.Ordinal), $"\n.explicitcluster\n.reqnctapercluster {kernel.Cluster}, 1, 1");
        }

        if (text.Contains("st.async", StringComparison.Ordinal))
        {
            // The compiler knows no version that has it.
            text = text.Replace(".version 8.0", ".version 8.1", StringComparison.Ordinal);
        }

        return Declare(Declare(text, "f32", "acc", Sum()), "b32", "left", Left());
    }

    private static string Declare(string text, string type, string name, Regex uses)
    {
        int count = uses.Matches(text).Select(m => int.Parse(m.Groups[1].ValueSpan) + 1).DefaultIfEmpty(0).Max();
        int body = text.IndexOf("\n{", StringComparison.Ordinal) + 2;
        return count == 0 ? text : text.Insert(body, $"\n\t.reg .{type} {name}<{count}>;");
    }

    [GeneratedRegex(@"^\s*\.param (\.align \d+ )?\.b\d+ (\w+)(\[\d+\])?", RegexOptions.Multiline)]
    private static partial Regex Parameter();

    [GeneratedRegex(@"\btensormap(\d+)\b")]
    private static partial Regex MapUse();

    [GeneratedRegex(@"\.align \d+")]
    private static partial Regex Alignment();

    [GeneratedRegex(@"\bacc(\d+)\b")]
    private static partial Regex Sum();

    [GeneratedRegex(@"\bleft(\d+)\b")]
    private static partial Regex Left();
}
