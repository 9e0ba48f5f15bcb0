using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.Text;

namespace Lean.Generators.Kernels;

/// <summary>Reads kernels.json into models, and says what no launcher could be written for.</summary>
internal sealed class ManifestReader
{
    private static readonly string[] Elements = ["f32", "i32", "bf16"];

    private readonly string _path;
    private readonly SourceText _text;
    private readonly List<DiagnosticInfo> _faults = [];

    private ManifestReader(string path, SourceText text) => (_path, _text) = (path, text);

    /// <summary>Reads a manifest: a result per kernel, in its order.</summary>
    public static ImmutableArray<KernelResult> Read(AdditionalText file, CancellationToken cancel)
    {
        var reader = new ManifestReader(file.Path, file.GetText(cancel) ?? SourceText.From(string.Empty));
        try
        {
            var root = (Dictionary<string, object?>)JsonText.Read(reader._text.ToString())!;
            var seen = new HashSet<string>();
            var results = ImmutableArray.CreateBuilder<KernelResult>();
            foreach (Dictionary<string, object?> kernel in List(root, "kernels").Cast<Dictionary<string, object?>>())
            {
                cancel.ThrowIfCancellationRequested();
                results.Add(reader.Kernel(kernel, seen));
            }

            return results.ToImmutable();
        }
        catch (Exception fault) when (fault is FormatException or InvalidCastException or KeyNotFoundException or NullReferenceException)
        {
            reader.Report(Diagnostics.BadManifest, string.Empty, fault is FormatException ? fault.Message : "it is not a manifest that Kernels/Compiler writes");
            return [reader.Result(null)];
        }
    }

    private KernelResult Kernel(Dictionary<string, object?> json, HashSet<string> seen)
    {
        string entry = String(json, "entry");
        if (!seen.Add(entry) || entry.Split('_').Any(w => w.Length == 0) || !SyntaxFacts.IsValidIdentifier(entry))
        {
            Report(Diagnostics.KernelName, entry, entry);
        }

        ParameterModel[] parameters = [.. List(json, "parameters").Cast<Dictionary<string, object?>>().Select(p => Parameter(entry, p))];
        Extent groups = String(json, "groups") == "*" ? Extent.Given : Expression(entry, "groups", String(json, "groups")), groupsY = Expression(entry, "groupsY", String(json, "groupsY"));
        Check(entry, parameters, groups, groupsY);
        var targets = (Dictionary<string, object?>)json["targets"]!;
        return Result(new KernelModel(
            entry, String(json, "op"), Number(json, "threads"), Number(json, "sharedBytes"), Number(json, "dynamicBytes"), Number(json, "cluster"), Flag(json, "keepsRoom"), groups, groupsY,
            new EquatableArray<ParameterModel>([.. parameters]),
            new EquatableArray<string>([.. targets.Keys.OrderBy(t => t, StringComparer.Ordinal)])));
    }

    private ParameterModel Parameter(string entry, Dictionary<string, object?> json)
    {
        string name = String(json, "name"), type = String(json, "type");
        if (type is not ("view" or "map"))
        {
            if (type is not ("i32" or "f32"))
            {
                Report(Diagnostics.ParameterType, entry, entry, name, type);
            }

            return new ParameterModel(name, type, null, default, false, Text(json, "extent"), Text(json, "rowStride"), 0, false);
        }

        string element = String(json, "element");
        if (!Elements.Contains(element))
        {
            Report(Diagnostics.ParameterType, entry, entry, name, $"a view of {element}");
        }

        Extent[] shape = [.. String(json, "shape").Split(',').Select(e => Expression(entry, name, e))];
        if (shape.Length > 4 || shape.Any(e => e.Divisor != 1))
        {
            Report(Diagnostics.KernelExtent, entry, entry, name, String(json, "shape"));
        }

        return new ParameterModel(
            name, type, element, new EquatableArray<Extent>([.. shape]), json["optional"] is true, null, null, type == "map" ? Number(json, "tileRows") : 0,
            type == "map" && json["streamed"] is true);
    }

    private void Check(string entry, ParameterModel[] parameters, Extent groups, Extent groupsY)
    {
        var bound = new HashSet<string>();
        foreach (ParameterModel view in parameters.Where(p => p.IsView))
        {
            foreach (Extent extent in view.Shape)
            {
                // An empty view binds nothing, so a name must not appear in an optional one first.
                if (extent.Alone is { } symbol && !view.Optional)
                {
                    bound.Add(symbol);
                }

                Need(view.Name, extent.Symbols);
            }
        }

        Need("groups", groups.Symbols);
        Need("groupsY", groupsY.Symbols);
        foreach (ParameterModel scalar in parameters.Where(p => !p.IsView))
        {
            Need(scalar.Name, scalar.Extent is { } symbol ? [symbol] : []);
            if (scalar.RowStride is { } view && !parameters.Any(p => p.IsView && p.Name == view && p.Shape.Count > 1))
            {
                Report(Diagnostics.RowStride, entry, entry, scalar.Name, view);
            }
        }

        void Need(string place, IEnumerable<string> symbols)
        {
            foreach (string symbol in symbols.Where(s => !bound.Contains(s)))
            {
                Report(Diagnostics.UnboundExtent, entry, entry, place, symbol);
            }
        }
    }

    private Extent Expression(string entry, string place, string text)
    {
        if (Extent.Parse(text) is { } extent)
        {
            return extent;
        }

        Report(Diagnostics.KernelExtent, entry, entry, place, text);
        return new Extent(new EquatableArray<string>(["1"]), 1);
    }

    private KernelResult Result(KernelModel? model)
    {
        var result = new KernelResult(_faults.Count == 0 ? model : null, new EquatableArray<DiagnosticInfo>([.. _faults]));
        _faults.Clear();
        return result;
    }

    // A fault is shown at the kernel's entry.
    private void Report(DiagnosticDescriptor descriptor, string entry, params string[] arguments)
    {
        int start = entry.Length == 0 ? -1 : _text.ToString().IndexOf($"\"{entry}\"", StringComparison.Ordinal);
        var span = start < 0 ? new TextSpan(0, 0) : new TextSpan(start, entry.Length + 2);
        _faults.Add(new DiagnosticInfo(descriptor.Id, _path, span, _text.Lines.GetLinePositionSpan(span), new EquatableArray<string>([.. arguments])));
    }

    private static List<object?> List(Dictionary<string, object?> json, string name) => (List<object?>)json[name]!;

    private static string String(Dictionary<string, object?> json, string name) => (string)json[name]!;

    private static string? Text(Dictionary<string, object?> json, string name) => json.TryGetValue(name, out object? value) ? (string?)value : null;

    private static bool Flag(Dictionary<string, object?> json, string name) => (bool)json[name]!;

    private static int Number(Dictionary<string, object?> json, string name) => (int)(double)json[name]!;
}
