using System.Security.Cryptography;
using System.Text;
using Lean.Engine.Protocol;
using Lean.Tensors;
using Microsoft.AspNetCore.Http;

namespace Lean.Engine.Http;

/// <summary>Stands before every endpoint: lets in whoever may ask, and turns what goes wrong into answers.</summary>
/// <param name="state">The server.</param>
internal sealed class Guard(ServerState state)
{
    private const string Scheme = "Bearer ";

    // Paths that say how the server is; what watches over it has no key. The page itself has none to show yet.
    private static readonly PathString[] Open = ["/health", "/ready", "/metrics", "/ranks", "/version"];

    private readonly byte[][] _keys = [.. state.Options.ApiKeys.Select(static k => Digest(k))];

    /// <summary>Runs a request.</summary>
    public async Task Run(HttpContext http, RequestDelegate next)
    {
        try
        {
            CheckKey(http);
            await next(http);
            if (http.Response is { HasStarted: false, StatusCode: 404 or 405 })
            {
                int status = http.Response.StatusCode;
                throw new ApiException(
                    status,
                    status == 404 ? $"there is nothing at {http.Request.Method} {http.Request.Path}" : $"{http.Request.Path} takes no {http.Request.Method}");
            }
        }
        catch (ApiException e)
        {
            await Answer(http, e);
        }
        catch (InputException e)
        {
            await Answer(http, new ApiException(400, e.Message, ErrorField.Of(e.Message), inner: e));
        }
        catch (BadHttpRequestException e)
        {
            string message = e.StatusCode == 413
                ? $"the body is larger than the {state.Options.MostBytes:N0} bytes that this server takes"
                : $"the request cannot be read: {e.Message}";
            await Answer(http, new ApiException(e.StatusCode, message, inner: e));
        }
        catch (Exception e) when (http.RequestAborted.IsCancellationRequested)
        {
            // Nobody is there to be told.
            ServerLog.Refused(state.Log, http.Request.Path, 499, e.Message);
        }
#pragma warning disable CA1031 // A request may fail in ways that nobody thought of; the server goes on.
        catch (Exception e)
#pragma warning restore CA1031
        {
            ServerLog.Failed(state.Log, http.Request.Path, e);
            await Answer(http, new ApiException(500, "the server failed; its log says more", inner: e));
        }
    }

    private static byte[] Digest(string key) => SHA256.HashData(Encoding.UTF8.GetBytes(key));

    // Digests have one length, so that comparing them tells nothing of a key's; every key is compared, so that neither
    // does the time.
    private void CheckKey(HttpContext http)
    {
        if (_keys.Length == 0 || http.Request.Path == "/" || Array.Exists(Open, p => http.Request.Path.StartsWithSegments(p)) || HttpMethods.IsOptions(http.Request.Method))
        {
            return;
        }

        string given = http.Request.Headers.Authorization.ToString();
        bool known = false;
        if (given.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
        {
            byte[] digest = Digest(given[Scheme.Length..].Trim());
            foreach (byte[] key in _keys)
            {
                known |= CryptographicOperations.FixedTimeEquals(digest, key);
            }
        }

        if (!known)
        {
            throw new ApiException(
                401,
                given.Length == 0 ? "there is no API key: expected the header Authorization: Bearer KEY" : "the API key is wrong",
                code: "invalid_api_key");
        }
    }

    private async Task Answer(HttpContext http, ApiException error)
    {
        ServerLog.Refused(state.Log, http.Request.Path, error.Status, error.Message);
        if (http.Response.HasStarted)
        {
            // A status was sent already; a broken connection is what tells that the answer is not whole.
            http.Abort();
            return;
        }

        http.Response.Clear();
        await JsonResponse.WriteErrorAsync(http.Response, error);
    }
}
