using System.Text;
using Lean.Engine.Models;
using Lean.Tensors;

namespace Lean.Engine.Weights;

/// <summary>
/// Binds a model to the tensors of a checkpoint. What does not fit is collected, and <see cref="Complete"/> reports all
/// of it at once: missing tensors beside unexpected ones usually tell which file was taken for which.
/// </summary>
internal sealed class CheckpointBinder : IWeightBinder
{
    private const int Listed = 3;

    // A configuration can ask for a billion tensors in one line; no mistake is told better by going on.
    private const int MostMissing = 10_000;

    // Towers beside the language model. They are skipped: Lean reads text.
    private static readonly string[] OtherTowers = ["model.visual.", "visual.", "model.vision_tower.", "model.audio_tower.", "model.multi_modal_projector."];

    // What quantisation formats add to a linear's name (FP8, GPTQ, AWQ, compressed-tensors, bitsandbytes).
    private static readonly string[] QuantisedEndings =
        [".weight_scale_inv", ".weight_scale", ".qweight", ".qzeros", ".scales", ".g_idx", ".weight_packed", ".absmax", "_scale_inv"];

    private readonly ITensorSource _source;
    private readonly ModelConfig _config;
    private readonly string _place;
    private readonly HashSet<string> _taken = new(StringComparer.Ordinal);
    private readonly List<string> _missing = [];
    private readonly List<string> _misshaped = [];
    private readonly List<string> _mistyped = [];

    /// <summary>Prepares to bind a model.</summary>
    /// <param name="source">The checkpoint's tensors.</param>
    /// <param name="config">The model's configuration.</param>
    /// <param name="place">The checkpoint's folder, for messages.</param>
    /// <exception cref="InputException">The tensors' names show that the checkpoint is quantised.</exception>
    public CheckpointBinder(ITensorSource source, ModelConfig config, string place)
    {
        (_source, _config, _place) = (source, config, place);
        if (source.Names.Where(IsQuantised).Order(StringComparer.Ordinal).FirstOrDefault() is { } name)
        {
            throw new InputException(
                $"{place}: the checkpoint is quantised (it holds {name}); Lean reads bf16, f16 and f32 weights, so use the model's unquantised repository");
        }
    }

    /// <inheritdoc/>
    public bool Contains(string name) => _source.TryGet(name, out _);

    /// <inheritdoc/>
    public Tensor Take(WeightSpec spec)
    {
        _taken.Add(spec.Name);
        if (!_source.TryGet(spec.Name, out Tensor tensor))
        {
            _missing.Add($"{spec.Name} {spec.Symbols} = {spec.Shape}");
            if (_missing.Count > MostMissing)
            {
                throw new InputException(
                    $"{_place}: more than {MostMissing:N0} of the tensors that config.json asks for are missing, the first is {_missing[0]}; expected the configuration of these weights");
            }
        }
        else if (tensor.Shape != spec.Shape)
        {
            _misshaped.Add($"{spec.Name}: expected {spec.Symbols} = {spec.Shape}, found {_source.Describe(spec.Name)}");
        }
        else if (tensor.Type is not (DType.BF16 or DType.F16 or DType.F32))
        {
            _mistyped.Add($"{spec.Name}: expected bf16, f16 or f32, found {_source.Describe(spec.Name)}");
        }
        else
        {
            return tensor;
        }

        return default;
    }

    /// <summary>Ends the binding: every tensor asked for was there and fitted, and none was left over.</summary>
    /// <exception cref="InputException">Lists what is missing, unexpected, of the wrong shape or of the wrong type.</exception>
    public void Complete()
    {
        List<string> unexpected = [.. _source.Names.Where(n => !_taken.Contains(n) && !IsIgnored(n))
            .Order(StringComparer.Ordinal)];
        if (_missing.Count + unexpected.Count + _misshaped.Count + _mistyped.Count == 0)
        {
            return;
        }

        var message = new StringBuilder($"{_place}: the tensors do not fit a {_config.ModelType} of this configuration: ");
        message.AppendJoin(", ", $"{_missing.Count} missing", $"{unexpected.Count} unexpected", $"{_misshaped.Count} of the wrong shape", $"{_mistyped.Count} of the wrong type");
        Append(message, "missing", _missing);
        Append(message, "unexpected", unexpected, name => $"{name} ({_source.Describe(name)})");
        Append(message, "wrong shape", _misshaped);
        Append(message, "wrong type", _mistyped);
        throw new InputException(message.ToString());
    }

    private static void Append(StringBuilder message, string kind, List<string> all, Func<string, string>? describe = null)
    {
        if (all.Count > 0)
        {
            message.Append($"; {kind}: ").AppendJoin(", ", all.Take(Listed).Select(one => describe?.Invoke(one) ?? one));
            message.Append(all.Count > Listed ? $" and {all.Count - Listed} more" : "");
        }
    }

    private static bool IsOtherTower(string name) => Array.Exists(OtherTowers, t => name.StartsWith(t, StringComparison.Ordinal));

    private static bool IsQuantised(string name) =>
        !IsOtherTower(name) && Array.Exists(QuantisedEndings, e => name.EndsWith(e, StringComparison.Ordinal));

    // A tied head may be stored as well; an MTP head that the configuration disowns is no reason to refuse the model.
    private bool IsIgnored(string name) =>
        IsOtherTower(name)
        || (_config.TiedHead && name == "lm_head.weight")
        || (_config.MtpLayers == 0 && name.StartsWith("mtp.", StringComparison.Ordinal))
        || name.EndsWith(".rotary_emb.inv_freq", StringComparison.Ordinal);
}
