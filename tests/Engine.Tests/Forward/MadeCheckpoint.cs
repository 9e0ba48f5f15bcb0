using System.Text.Json.Nodes;
using Lean.Engine.Models;
using Lean.Engine.Weights;
using Lean.Tensors;

namespace Lean.Engine.Tests.Forward;

/// <summary>A checkpoint of any shape, with random weights, written to a folder of its own and deleted at the end.</summary>
internal sealed class MadeCheckpoint : IDisposable
{
    private MadeCheckpoint(string folder) => Folder = folder;

    /// <summary>Where it lies.</summary>
    internal string Folder { get; }

    /// <summary>Makes a checkpoint.</summary>
    /// <param name="config">The content of config.json.</param>
    /// <param name="change">Renames or replaces tensors before they are written, or null.</param>
    internal static MadeCheckpoint Write(JsonObject config, Func<string, Tensor, IEnumerable<KeyValuePair<string, Tensor>>>? change = null)
    {
        var made = new MadeCheckpoint(Directory.CreateTempSubdirectory("lean-made-").FullName);
        File.WriteAllText(Path.Combine(made.Folder, "config.json"), config.ToJsonString());
        ModelConfig parsed = ModelConfigReader.Read(made.Folder);
        using var source = new SyntheticBinder(parsed, seed: 11);
        var recorder = new Recorder(source);
        ModelArchitecture.Of(parsed).Bind(recorder, parsed);
        SafetensorsWriter.Write(
            Path.Combine(made.Folder, "model.safetensors"), [.. recorder.Taken.SelectMany(t => change?.Invoke(t.Key, t.Value) ?? [t])]);
        return made;
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    private sealed class Recorder(IWeightBinder inner) : IWeightBinder
    {
        public List<KeyValuePair<string, Tensor>> Taken { get; } = [];

        public bool Contains(string name) => inner.Contains(name);

        public Tensor Take(WeightSpec spec)
        {
            Tensor tensor = inner.Take(spec);
            Taken.Add(new(spec.Name, tensor));
            return tensor;
        }
    }
}
